import { rangeError } from './errors.ts';
import { show } from './show.ts';

/** The parameters that updates move, or all others. */
export type Part = 'trainable' | 'frozen';

/**
 * Checks the name of a part of the parameters.
 *
 * @throws ERR_ZEST_OPTION
 */
export const checkedPart = (part: unknown): Part => {
  if (part === 'trainable' || part === 'frozen') return part;
  throw rangeError('ERR_ZEST_OPTION', `part is ${show(part)}; expected 'trainable' or 'frozen'`);
};

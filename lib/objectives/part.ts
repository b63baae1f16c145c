import { rangeError } from '../errors.ts';
import { show } from '../text/show.ts';

/** The parameters that updates move, or all others. */
export type Part = 'trainable' | 'frozen';

/**
 * Checks the name of a part of the parameters; without one it is what is trainable.
 *
 * @throws ERR_ZEST_OPTION
 */
export const checkedPart = (part: unknown): Part => {
  if (part === undefined) return 'trainable';
  if (part === 'trainable' || part === 'frozen') return part;
  throw rangeError('ERR_ZEST_OPTION', `part is ${show(part)}; expected 'trainable' or 'frozen'`);
};

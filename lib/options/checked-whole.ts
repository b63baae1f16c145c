import { rangeError } from '../errors.ts';
import { show } from '../text/show.ts';

/**
 * Checks that an option is a whole number from `least` to `most`, and gives it.
 *
 * @throws RangeError with ERR_ZEST_OPTION
 */
export const checkedWhole = (name: string, value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): number => {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  const range = most === Number.MAX_SAFE_INTEGER ? `≥ ${least}` : `from ${least} to ${most}`;
  throw rangeError('ERR_ZEST_OPTION', `${name} is ${show(value)}; expected a whole number ${range}`);
};

import { rangeError } from '../errors.ts';

/** Throws ERR_ZEST_OPTION unless an option is a whole number ≥ 1, or absent. */
export const assertPositive = (value: number | undefined, name: string): void => {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
  throw rangeError('ERR_ZEST_OPTION', `${name} is ${value}; expected a whole number ≥ 1`);
};

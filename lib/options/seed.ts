import { type ErrorCode, rangeError } from '../errors.ts';
import { show } from '../text/show.ts';

const SEEDS = 2n ** 64n;

/** What a seed is, in words. */
export const SEED = 'a whole number from 0, safe or a bigint below 2^64';

export const isSeed = (value: unknown): value is bigint | number =>
  typeof value === 'bigint' ? value >= 0n && value < SEEDS : Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * Checks a seed, and gives it as a bigint.
 *
 * @throws the code, ERR_ZEST_DIRECTIONS if none is given
 */
export const checkedSeed = (value: unknown, code: ErrorCode = 'ERR_ZEST_DIRECTIONS'): bigint => {
  if (isSeed(value)) return BigInt(value);
  throw rangeError(code, `seed is ${show(value)}; expected ${SEED}`);
};

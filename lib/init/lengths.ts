import { quantile } from '../numbers/statistics.ts';

/** The share of the texts that a limit of tokens leaves whole. */
const WHOLE = 0.98;

/** Gives the length that nearly all of some have at most, which are sorted: outliers are not worth their memory. */
export const usualMost = (lengths: readonly number[]): number => quantile(lengths, WHOLE);

/** Rounds a length up to a multiple of eight, a little more than was seen. */
export const rounded = (length: number): number => 8 * Math.ceil(length / 8);

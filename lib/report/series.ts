import { mean } from '../numbers/statistics.ts';

/** Values in order, put together so that a chart can show them: one entry a bin. */
export interface Bins {
  /** Where each bin begins; it ends where the next one does. */
  from: number[];
  /** Index of the value that stands for the bin on the other axis: its last. */
  last: number[];
}

/** At most `count` bins of equally many of `length` values, the last of maybe fewer. */
export const equalBins = (length: number, count: number): Bins => {
  const size = Math.max(1, Math.ceil(length / count));
  const from = Array.from({ length: Math.ceil(length / size) }, (_, i) => i * size);
  return { from, last: from.map((start) => Math.min(start + size, length) - 1) };
};

/** Mean, smallest and largest of the finite values of each bin; NaN where it has none. */
export const binned = (
  values: readonly number[],
  { from, last }: Bins,
): { mean: number[]; low: number[]; high: number[] } => {
  const parts = from.map((start, i) => values.slice(start, last[i]! + 1).filter(Number.isFinite));
  return {
    mean: parts.map(mean),
    low: parts.map((part) => (part.length ? part.reduce((a, b) => Math.min(a, b)) : Number.NaN)),
    high: parts.map((part) => (part.length ? part.reduce((a, b) => Math.max(a, b)) : Number.NaN)),
  };
};

/** The mean of the finite values within `radius` entries of each of the indices `at`; NaN where there are none. */
export const movingMean = (values: readonly number[], radius: number, at: readonly number[]): number[] =>
  at.map((i) => mean(values.slice(Math.max(0, i - radius), i + radius + 1).filter(Number.isFinite)));

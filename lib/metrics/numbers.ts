import { dot } from '../numbers/vectors.ts';

// Measures of numbers against the right ones.

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Measures the mean of the squared differences. */
export const meanSquaredError = (predictions: readonly number[], references: readonly number[]): number =>
  mean(predictions.map((prediction, i) => (prediction - references[i]!) ** 2));

/** Measures Pearson's correlation, from −1 to 1; 0 where either side is constant. */
export const pearson = (predictions: readonly number[], references: readonly number[]): number => {
  // Their mean may be another number than each, by its rounding.
  if ([predictions, references].some((values) => values.every((value) => value === values[0]))) return 0;
  const [a, b] = [predictions, references].map((values) => {
    const middle = mean(values);
    return values.map((value) => value - middle);
  }) as [number[], number[]];
  const size = Math.sqrt(dot(a, a) * dot(b, b));
  return size === 0 ? 0 : Math.max(-1, Math.min(1, dot(a, b) / size));
};

/** The rank of each value from 1, the mean rank of equals. */
const ranks = (values: readonly number[]): number[] => {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranked = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranked[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranked;
};

/** Measures Spearman's correlation: Pearson's of the ranks. */
export const spearman = (predictions: readonly number[], references: readonly number[]): number =>
  pearson(ranks(predictions), ranks(references));

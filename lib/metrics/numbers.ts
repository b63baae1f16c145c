import { ranks } from '../numbers/statistics.ts';
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

/** Measures Spearman's correlation: Pearson's of the ranks. */
export const spearman = (predictions: readonly number[], references: readonly number[]): number =>
  pearson(ranks(predictions), ranks(references));

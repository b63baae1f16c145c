import { harmonic } from './texts.ts';

// Measures of sets of labels, by number, against the right ones, as scikit-learn defines them for several labels.

type Sets = readonly (readonly number[])[];

const shared = (a: readonly number[], b: readonly number[]): number => a.filter((label) => b.includes(label)).length;

const total = (sets: Sets): number => sets.reduce((sum, labels) => sum + labels.length, 0);

/** Measures the share of the sets that are right as a whole. */
export const subsetAccuracy = (predictions: Sets, references: Sets): number =>
  predictions.filter((labels, i) => {
    const right = references[i]!;
    return labels.length === right.length && shared(labels, right) === right.length;
  }).length / predictions.length;

/** Measures F1 of all labels of all examples together; 0 where it is undefined. */
export const microF1 = (predictions: Sets, references: Sets): number => {
  const both = predictions.reduce((sum, labels, i) => sum + shared(labels, references[i]!), 0);
  return harmonic(both, total(predictions), total(references));
};

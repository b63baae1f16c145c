import type { ClassificationReport } from '../tasks/classification-report.ts';

// What terminals and pages show alike of the answers of a model.

/** Gives the place of an example without the folders of its file. */
export const shortPlace = (source: string): string => source.replace(/^.*[\\/]/, '');

/** Gives how often an answer was given to a label. Classes may have any name: that of what every object has, too. */
export const timesOf = (confusion: ClassificationReport['confusion'], label: string, answer: string): number => {
  const row = Object.hasOwn(confusion, label) ? confusion[label]! : {};
  return Object.hasOwn(row, answer) ? row[answer]! : 0;
};

/** Finds the pairs of classes that are taken for each other most often, and how often. */
export const mostConfused = (
  confusion: ClassificationReport['confusion'],
  most: number,
): { label: string; answer: string; times: number }[] =>
  Object.entries(confusion)
    .flatMap(([label, row]) =>
      Object.entries(row).flatMap(([answer, times]) => (label === answer ? [] : [{ label, answer, times }])),
    )
    .sort((a, b) => b.times - a.times)
    .slice(0, most);

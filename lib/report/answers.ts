import type { ClassificationReport } from '../tasks/classification-report.ts';

// What terminals and pages show alike of the answers of a model.

/** Gives the place of an example without the folders of its file. */
export const shortPlace = (source: string): string => source.replace(/^.*[\\/]/, '');

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

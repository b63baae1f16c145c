import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { measure } from '../../lib/tasks/metrics.ts';

interface Case {
  answers: number[];
  labels: number[];
  accuracy: number;
  f1: number;
  matthews: number;
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/tasks/metrics.json', import.meta.url), 'utf8')) as Case[];
const all = ['accuracy', 'f1', 'matthews'] as const;

describe('measure', () => {
  it.each(cases)('gives the values of scipy: $accuracy, $f1, $matthews', ({ answers, labels, ...values }) => {
    const measured = measure(all, answers, labels);
    for (const metric of all) expect(measured[metric]).toBeCloseTo(values[metric], 12);
  });

  it('is 0 where F1 or Matthews is undefined', () => {
    const undefinedCases: [number[], number[], object][] = [
      [[0, 0, 0], [0, 0, 0], { accuracy: 1, f1: 0, matthews: 0 }],
      [[0, 0, 0], [1, 0, 1], { accuracy: 1 / 3, f1: 0, matthews: 0 }],
      [[1, 0, 1], [0, 0, 0], { accuracy: 1 / 3, f1: 0, matthews: 0 }],
      [[1, 1], [1, 1], { accuracy: 1, f1: 1, matthews: 0 }],
      [[1, 1, 1], [1, 0, 1], { accuracy: 2 / 3, f1: 0.8, matthews: 0 }],
    ];
    for (const [answers, labels, values] of undefinedCases) expect(measure(all, answers, labels)).toEqual(values);
  });

  it('is at its ends for answers all right and all wrong, and stays finite for many', () => {
    const labels = Array.from({ length: 200_000 }, (_, i) => i % 2);
    const wrong = labels.map((label) => 1 - label);
    expect(measure(all, labels, labels)).toEqual({ accuracy: 1, f1: 1, matthews: 1 });
    expect(measure(all, wrong, labels)).toEqual({ accuracy: 0, f1: 0, matthews: -1 });
  });

  it('has accuracy always, and the rest where asked', () => {
    expect(measure([], [2, 1], [2, 0])).toEqual({ accuracy: 0.5 });
    expect(Object.keys(measure(['matthews'], [0, 1], [1, 0]))).toEqual(['accuracy', 'matthews']);
  });
});

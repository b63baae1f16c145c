import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../lib/model/batch.ts';
import type { ClassificationReport } from '../../lib/tasks/classification-report.ts';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';

interface Case {
  classes: number;
  labels: number[];
  scores: number[][];
  precision: number[];
  recall: number[];
  f1: number[];
  support: number[];
  macro: number[];
  confusion: number[][];
  calibrationError: number;
  loss: number;
  worst: number[];
}

const cases = JSON.parse(
  readFileSync(new URL('../fixtures/tasks/classification.json', import.meta.url), 'utf8'),
) as Case[];

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load(film);
});

const namesOf = (classes: number) => Array.from({ length: classes }, (_, i) => `class ${i}`);

/** Examines a model that gives these scores to examples with these labels. */
const examine = async (labels: readonly number[], scores: readonly (readonly number[])[], classes: number) => {
  const task = await loadTask({ kind: 'class', fields: ['text'], classes, labels: namesOf(classes) }, tokenizer);
  let given = 0;
  const model = {
    logits: async ({ sequences }: Batch) => sequences.map(() => Float32Array.from(scores[given++]!)),
  };
  const rows = labels.map((label, i) => ({ file: 'data.csv', line: i + 1, fields: { text: `text ${i}`, label } }));
  return task.examine(model, task.examples(rows));
};

/** Precision, recall, F1 and the number of examples of each class that occurs. */
const listed = ({ classes }: ClassificationReport) =>
  classes.map(({ precision, recall, f1, count }) => [precision, recall, f1, count]);

describe('the report of a classification', () => {
  it.each(cases)('is that of scikit-learn and NumPy: $classes classes', async (expected) => {
    const { classes, labels, scores } = expected;
    const { score, report } = await examine(labels, scores, classes);
    for (const [i, values] of listed(report).entries()) {
      const [precision, recall, f1, count] = values as [number, number, number, number];
      expect(precision).toBeCloseTo(expected.precision[i]!, 12);
      expect(recall).toBeCloseTo(expected.recall[i]!, 12);
      expect(f1).toBeCloseTo(expected.f1[i]!, 12);
      expect(count).toBe(expected.support[i]);
    }
    expect(report.classes).toHaveLength(expected.precision.length);
    for (const [i, key] of (['precision', 'recall', 'f1'] as const).entries()) {
      expect(report.macro[key]).toBeCloseTo(expected.macro[i]!, 12);
    }
    const names = report.classes.map(({ name }) => name);
    const matrix = names.map((label) => names.map((answer) => report.confusion[label]?.[answer] ?? 0));
    expect(matrix).toEqual(expected.confusion);
    expect(report.calibration.error).toBeCloseTo(expected.calibrationError, 6);
    expect(score.loss).toBeCloseTo(expected.loss, 6);
    expect(report.worst.map(({ source }) => source)).toEqual(expected.worst.map((row) => `data.csv:${row + 1}`));
  });

  it('adds up: counts, accuracy, and bins that have the answers', async () => {
    const example = fc.tuple(
      fc.nat(2),
      fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 3, maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(example, { minLength: 1, maxLength: 40 }), async (examples) => {
        const labels = examples.map(([label]) => label);
        const { score, report } = await examine(
          labels,
          examples.map(([, scores]) => scores),
          3,
        );
        const pairs = Object.entries(report.confusion).flatMap(([label, row]) =>
          Object.entries(row).map(([answer, times]) => ({ right: label === answer, times })),
        );
        const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
        expect(sum(pairs.map(({ times }) => times))).toBe(examples.length);
        const right = sum(pairs.filter((pair) => pair.right).map(({ times }) => times));
        expect(right / examples.length).toBeCloseTo(score.accuracy, 12);
        const { error, bins } = report.calibration;
        expect(sum(bins.map(({ count }) => count))).toBe(examples.length);
        for (const { from, to, confidence } of bins) {
          expect(confidence).toBeGreaterThan(from - 1e-9);
          expect(confidence).toBeLessThan(to + 1e-9);
        }
        expect(error).toBeGreaterThanOrEqual(0);
        expect(error).toBeLessThanOrEqual(1);
        const losses = report.worst.map(({ loss }) => loss);
        expect(losses).toEqual([...losses].sort((a, b) => b - a));
        expect(losses).toHaveLength(Math.min(10, examples.length));
      }),
      { numRuns: 50 },
    );
  });

  it('names the worst examples with their text, what they are and what they were called', async () => {
    const { report } = await examine(
      [0, 1],
      [
        [0, Math.log(3)],
        [0, 0],
      ],
      2,
    );
    expect(report.worst[0]).toEqual({
      source: 'data.csv:1',
      fields: { text: 'text 0' },
      label: 'class 0',
      answer: 'class 1',
      probability: expect.closeTo(0.25, 6),
      loss: expect.closeTo(Math.log(4), 6),
    });
  });

  it('keeps the names of classes that JavaScript has a use for', async () => {
    const spec = { kind: 'class', fields: ['text'], classes: 2, labels: ['__proto__', 'constructor'] } as const;
    const task = await loadTask(spec, tokenizer);
    const model = { logits: async () => [Float32Array.of(0, 1)] };
    const { report } = await task.examine(model, [{ text: 'x', label: '__proto__' }]);
    expect(JSON.stringify(report.confusion)).toBe('{"__proto__":{"constructor":1}}');
  });
});

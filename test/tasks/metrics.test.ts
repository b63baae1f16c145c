import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  assertMeasured,
  definitionOf,
  gain,
  type Metric,
  type MetricDefinition,
  measure,
  metricNames,
  registerMetric,
  shownMetric,
} from '../../lib/tasks/metrics.ts';

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

  it('has the metrics that are asked for, in the order of all', () => {
    expect(measure([], [2, 1], [2, 0])).toEqual({});
    expect(Object.keys(measure(['matthews', 'accuracy'], [0, 1], [1, 0]))).toEqual(['accuracy', 'matthews']);
  });
});

describe('metrics', () => {
  it('are better the larger they are, or the smaller, and worst where they are missing', () => {
    for (const metric of metricNames()) {
      const sign = definitionOf(metric).largerIsBetter ? 1 : -1;
      expect(sign * gain(metric, 0.6, 0.5)).toBeCloseTo(0.1, 12);
      expect(sign * gain(metric, 0.5, 0.6)).toBeLessThan(0);
      expect(gain(metric, undefined, -1)).toBe(Number.NEGATIVE_INFINITY);
      expect(gain(metric, -1, undefined)).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('of one\u2019s own are given copies, and have to be finite', () => {
    const sorts = (values: readonly unknown[]) => (values as unknown[]).sort().length;
    registerMetric('sorting', {
      ...{ title: 'sorting', of: 'numbers', largerIsBetter: true, format: 'number' },
      measure: (predictions: readonly number[], references: readonly number[]) =>
        sorts(predictions) + sorts(references),
    } as MetricDefinition);
    const [predictions, references] = [
      [3, 1, 2],
      [9, 8, 7],
    ];
    expect(measure(['sorting' as Metric, 'meanSquaredError'], predictions, references)).toMatchObject({ sorting: 6 });
    expect([predictions, references]).toEqual([
      [3, 1, 2],
      [9, 8, 7],
    ]);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => assertMeasured({ sorting: value } as Record<string, number>)).toThrow(
        `the metric sorting gives ${value}; expected a finite number`,
      );
    }
  });

  it('of one\u2019s own may say what value is best', () => {
    const definition: MetricDefinition = {
      ...{ title: 'hits', of: 'classes', largerIsBetter: true, format: 'number' },
      measure: (predictions: readonly number[]) => predictions.length,
    };
    for (const best of [Number.NaN, Number.POSITIVE_INFINITY, '1', null]) {
      expect(() => registerMetric('hits', { ...definition, best: best as number })).toThrow(/^definition is /);
    }
    registerMetric('hits', { ...definition, best: 5 });
    expect(definitionOf('hits' as Metric).best).toBe(5);
  });

  it('are written as shares or as numbers', () => {
    const shown = (['accuracy', 'f1', 'matthews', 'tokenF1', 'meanSquaredError'] as const).map((metric) =>
      shownMetric(metric, 0.8125),
    );
    expect(shown).toEqual(['81.3 %', '81.3 %', '0.813', '81.3 %', '0.813']);
  });
});

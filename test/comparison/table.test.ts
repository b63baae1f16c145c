import { describe, expect, it } from 'vitest';
import type { ExperimentResult, ExperimentRun, MethodResult } from '../../lib/comparison/result.ts';
import { experimentMarkdown } from '../../lib/comparison/table.ts';

const run = (seed: number, accuracy: number): ExperimentRun => ({
  seed,
  forwards: 4000,
  validation: { accuracy: 0.5, loss: 1, count: 4 },
  test: { accuracy, loss: 1 - accuracy, count: 4 },
  sharpness: 0.01 * seed,
});
const method = (name: string, runs: (ExperimentRun | null)[]): MethodResult => ({
  name,
  title: name,
  learningRate: 3e-5,
  tried: {},
  runs,
});

describe('the table of an experiment', () => {
  it('has mean and sample deviation, and the interval of paired differences', () => {
    const result: ExperimentResult = {
      name: 'sst2-16',
      forwards: 4000,
      before: { test: { accuracy: 0.5, loss: 0.7, count: 4 }, sharpness: 0.001 },
      methods: [
        method('n-spsa', [run(2, 0.6), run(3, 0.7), run(4, 0.8)]),
        // Differences +0.1, 0, +0.2: mean 0.1, sd 0.1, t(2) = 4.3027, half width 0.2484 (numbers from a table of t).
        method('zest', [run(2, 0.7), run(3, 0.7), run(4, 1)]),
        method('broken', [null, null, run(4, 0.5)]),
        method('torn', [run(2, 0.6), run(3, 0.7), null]),
        method('single', [run(2, 0.5)]),
      ],
      version: '0.0.0',
    };
    expect(experimentMarkdown(result).split('\n')).toEqual([
      '| method | learning rate | accuracy | against n-SPSA | loss | sharpness |',
      '| --- | --- | --- | --- | --- | --- |',
      '| before |  | 50.0 |  | 0.7000 | 0.0010 |',
      '| n-spsa | 3e-5 | 70.0 ± 10.0 |  | 0.3000 ± 0.1000 | 0.0300 ± 0.0100 |',
      '| zest | 3e-5 | 80.0 ± 17.3 | +10.0 [−14.8, +34.8] | 0.2000 ± 0.1732 | 0.0300 ± 0.0100 |',
      '| broken | 3e-5 | 2 of 3 runs failed |  |  |  |',
      '| torn | 3e-5 | 65.0 ± 7.1, 1 of 3 runs failed | +0.0 [+0.0, +0.0] | 0.3500 ± 0.0707 | 0.0250 ± 0.0071 |',
      '| single | 3e-5 | 50.0 |  | 0.5000 | 0.0200 |',
    ]);
  });
});

import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { defineMethod } from '../../lib/methods/method.ts';
import { registerMethod } from '../../lib/methods/registry.ts';
import { ClassificationTask } from '../../lib/tasks/classification.ts';
import { reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

it('makes the next batch while the engine computes, and none that no step takes', async () => {
  const seen: string[] = [];
  const method = defineMethod({
    name: 'watched',
    title: 'A method that says when it is answered',
    options: {},
    streams: () => 1,
    forwards: () => 2,
    diagnostics: {},
    *estimate(_, { streams: [stream] }) {
      const losses: Float64Array = yield [[], { stream: stream as bigint, scale: 1e-3 }];
      const [at, ahead] = losses;
      seen.push('answered');
      const terms = [{ stream: stream as bigint, coefficient: (ahead as number) - (at as number) }];
      return { terms, meanLoss: at as number, diagnostics: {} };
    },
  });
  registerMethod(method);
  const batch = ClassificationTask.prototype.batch;
  const spied = vi.spyOn(ClassificationTask.prototype, 'batch').mockImplementation(function (this: never, examples) {
    seen.push('batch');
    return batch.call(this, examples);
  });
  const config = reviewConfig(folder, 'ahead');
  await run({
    ...config,
    data: { train: config.data.train },
    optimizer: { method: 'watched', learningRate: 1e-6 } as never,
    training: { ...config.training, steps: 3 },
  });
  spied.mockRestore();
  // The estimate before the run makes batches of its own.
  expect(seen.slice(seen.indexOf('answered') - 2)).toEqual([
    'batch',
    'batch',
    'answered',
    'batch',
    'answered',
    'answered',
    // Of an example, to see that the weights that are saved give it a loss.
    'batch',
  ]);
});

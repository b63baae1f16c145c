import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { defineMethod } from '../../lib/methods/method.ts';
import { registerMethod } from '../../lib/methods/registry.ts';
import type { Batch } from '../../lib/model/batch.ts';
import { Model } from '../../lib/model/model.ts';
import type { Objective } from '../../lib/objective.ts';
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
  // So few examples are answered at once where the machine stalls: the answer of a step waits for the next batch.
  const { exclusively } = Model.prototype;
  let followed = 2; // steps that another follows
  const stepping = vi.spyOn(Model.prototype, 'exclusively').mockImplementation(function <T>(
    this: Model,
    work: (alone: Objective<Batch>) => Promise<T>,
  ) {
    return exclusively.call(this, (alone) => {
      const evaluate: typeof alone.evaluate = async (...call) => {
        const before = seen.length;
        const losses = await alone.evaluate(...call);
        if (followed-- > 0) await vi.waitFor(() => expect(seen.slice(before)).toEqual(['batch']), 60_000);
        return losses;
      };
      return work(Object.create(alone, { evaluate: { value: evaluate } }));
    }) as Promise<T>;
  });
  const config = reviewConfig(folder, 'ahead');
  await run({
    ...config,
    data: { train: config.data.train },
    optimizer: { method: 'watched', learningRate: 1e-6 } as never,
    training: { ...config.training, steps: 3 },
  });
  for (const spy of [spied, stepping]) spy.mockRestore();
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

it('fails with the batch that cannot be made once the step under way has ended', async () => {
  const seen: string[] = [];
  const { batch } = ClassificationTask.prototype;
  const { exclusively } = Model.prototype;
  let stepping = false;
  const making = vi.spyOn(ClassificationTask.prototype, 'batch').mockImplementation(function (this: never, examples) {
    if (!stepping) return batch.call(this, examples);
    seen.push('batch');
    throw new Error('no such batch');
  });
  // The step's losses come well after the batch was asked for.
  const computing = vi.spyOn(Model.prototype, 'exclusively').mockImplementation(function <T>(
    this: Model,
    work: (alone: Objective<Batch>) => Promise<T>,
  ) {
    return exclusively.call(this, (alone) => {
      const evaluate: typeof alone.evaluate = async (...call) => {
        stepping = true;
        await vi.waitFor(() => expect(seen).toContain('batch'), 60_000);
        await delay(200);
        const losses = await alone.evaluate(...call);
        seen.push('answered');
        return losses;
      };
      return work(Object.create(alone, { evaluate: { value: evaluate } }));
    }) as Promise<T>;
  });
  const config = reviewConfig(folder, 'no-batch');
  const failed = run({
    ...config,
    data: { train: config.data.train },
    optimizer: { method: 'mezo', learningRate: 1e-6 },
    training: { ...config.training, steps: 3 },
  });
  await expect(failed).rejects.toThrow('no such batch');
  expect(seen).toEqual(['batch', 'answered']);
  for (const spy of [making, computing]) spy.mockRestore();
});

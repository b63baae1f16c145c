import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shuffledBatches } from '../../lib/data/sampling.ts';
import { memoryUse } from '../../lib/model/memory.ts';
import { Model } from '../../lib/model/model.ts';
import type { NativeParameter } from '../../lib/native/binding.ts';
import type { EstimateEvent } from '../../lib/runs/events.ts';
import { estimateSweep } from '../../lib/sweep/estimate.ts';
import { planSweep } from '../../lib/sweep/plan.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { configuredOptimizer } from '../../lib/training/configured-optimizer.ts';
import { loadInputs } from '../../lib/training/inputs.ts';
import { readTraining } from '../../lib/training/read-data.ts';
import { train } from '../../lib/training/train.ts';
import { film } from '../fixtures/film.ts';
import { ofKind, readSummary, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

describe('the estimate of a run', () => {
  it('comes before the first step, counts what will be, and leaves the trajectory as it is without', async () => {
    const config = reviewConfig(folder, 'estimated');
    const events = await run(config);
    expect(events[1]).toMatchObject({ kind: 'estimate', forwards: 24, evaluations: 4 });
    const [estimate] = ofKind(events, 'estimate') as [EstimateEvent];
    const { forwardSeconds, updateSeconds, evaluationSeconds } = estimate;
    expect(estimate.seconds).toBeCloseTo(24 * forwardSeconds + 6 * updateSeconds + 4 * evaluationSeconds, 10);
    expect(updateSeconds).toBeGreaterThan(0);
    expect(estimate.memory?.weights).toBe(4 * 3_448_064);
    expect(await readSummary(config.output)).toMatchObject({ forwards: 24 });

    // The same steps by hand, where nothing is estimated.
    const resolved = resolveConfig(config);
    const { task } = await loadInputs(resolved);
    const examples = await readTraining(resolved.data, task);
    const model = await Model.load(film, { device: 'cpu' });
    const optimizer = configuredOptimizer(resolved);
    const batches = shuffledBatches(examples.length, 8, 1);
    for (let step = 0; step < 6; step++) {
      await optimizer.step(model, task.batch(batches.batch(step).map((row) => examples[row]!)));
    }
    expect(await model.digest()).toBe((await readSummary(config.output)).digest);
    model.dispose();
  });

  it('does without validation data, and counts one side', async () => {
    const { data, ...config } = reviewConfig(folder, 'bare');
    const optimizer = { ...config.optimizer, sides: 'one' as const };
    const [estimate] = ofKind(await run({ ...config, optimizer, data: { train: data.train } }), 'estimate');
    expect(estimate).toMatchObject({ forwards: 12, evaluations: 0, evaluationSeconds: 0 });
  });

  it('ends with the run when that is aborted', async () => {
    const config = reviewConfig(folder, 'stopped');
    const controller = new AbortController();
    const reason = new Error('enough');
    const all = (async () => {
      for await (const { kind } of train(config, { signal: controller.signal }))
        if (kind === 'start') controller.abort(reason);
    })();
    await expect(all).rejects.toBe(reason);
    expect(JSON.parse(await readFile(join(config.output, 'summary.json'), 'utf8'))).toMatchObject({
      steps: 0,
      interrupted: true,
    });
  });
});

describe('memory from shapes', () => {
  it('is that of docs/performance.md for RoBERTa-base', () => {
    const parameters = [{ rows: 125_000, columns: 1000, asStored: false, fileType: 'F32' } as NativeParameter];
    const base = { parameters, hidden: 768, intermediate: 3072 };
    expect(memoryUse(base, { dtype: 'float32', tokens: 1024 })).toEqual({
      weights: 500_000_000,
      activations: 72 * 2 ** 20,
    });
    expect(memoryUse(base, { dtype: 'bfloat16', tokens: 100_000 })).toEqual({
      weights: 250_000_000,
      activations: 576 * 2 ** 20,
    });
  });
});

describe('the estimate of a sweep', () => {
  it('adds up its runs, shared among the jobs', async () => {
    const grid = [
      { key: 'optimizer.directions', values: [1, 3] },
      { key: 'training.batchSize', values: [8, 16] },
    ];
    const { runs } = await planSweep(reviewConfig(folder, 'sweep'), { grid, overrides: [] });
    const memory = { process: 1, weights: 2, activations: 3, total: 6 };
    const estimate: EstimateEvent = {
      kind: 'estimate',
      seconds: 0,
      forwardSeconds: 0.5,
      updateSeconds: 0.25,
      evaluationSeconds: 2,
      forwards: 0,
      evaluations: 0,
      memory,
    };
    const evaluations = 4 * (1 + 3) * 2;
    expect(estimateSweep(estimate, runs[0]!, runs, 2)).toEqual({
      kind: 'estimate',
      seconds: ((12 + 36) * 0.5 * (1 + 2) + 6 * 0.25 * (1 + 1 + 3 + 3) + evaluations) / 2,
      forwards: 96,
      memory: 12,
    });
    expect(estimateSweep(estimate, runs[0]!, runs.slice(3), 2)).toMatchObject({
      seconds: 36 * 0.5 * 2 + 6 * 0.25 * 3 + 8,
      memory: 6,
    });
  });

  it('takes an update to cost what the directions that a method draws do, whatever its options are called', async () => {
    const learningRate = 1e-5;
    const own = join(folder, 'ahead.mjs');
    await writeFile(
      own,
      `import { defineMethod, z } from ${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))};
      export default defineMethod({
        name: 'ahead',
        title: 'One difference',
        options: { rho: z.number().positive().default(1e-3).describe('scale') },
        streams: () => 1,
        forwards: () => 2,
        diagnostics: {},
        *estimate({ rho }, { streams: [stream] }) {
          const [at, ahead] = yield [[], { stream, scale: rho }];
          return { terms: [{ stream, coefficient: (ahead - at) / rho }], meanLoss: at, diagnostics: {} };
        },
      });`,
    );
    const values = [
      { method: own, learningRate },
      { method: 'essam', learningRate, directions: 3, ascentDirections: 4 },
    ];
    const grid = [{ key: 'optimizer', values }];
    const config = { ...reviewConfig(folder, 'sweep'), optimizer: values[0] as never };
    const { runs } = await planSweep(config, { grid, overrides: [] });
    const seconds = { seconds: 0, forwardSeconds: 0, updateSeconds: 0.25, evaluationSeconds: 0 };
    const estimate: EstimateEvent = { kind: 'estimate', ...seconds, forwards: 0, evaluations: 0 };
    expect(estimateSweep(estimate, runs[0]!, runs, 1).seconds).toBe(6 * 0.25 * (1 + 7));
  });

  it('gives a method that looks at all training data no more forwards than the others', async () => {
    // 40 examples are five batches of 8.
    const grid = [{ key: 'optimizer', values: ['svrg', 'mezo'].map((method) => ({ method, learningRate: 1e-5 })) }];
    const { runs } = await planSweep(reviewConfig(folder, 'sweep'), { grid, overrides: [], forwards: 59 });
    expect(runs.map(({ forwards, config }) => [forwards, config.training.steps])).toEqual([
      [50 + 2 * 4, 3],
      [58, 29],
    ]);
  });
});

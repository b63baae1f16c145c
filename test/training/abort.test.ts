import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineMethod } from '../../lib/methods/method.ts';
import { registerMethod } from '../../lib/methods/registry.ts';
import type { TrainEvent } from '../../lib/runs/events.ts';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import { evaluate } from '../../lib/training/evaluate.ts';
import { train } from '../../lib/training/train.ts';
import { digestOf, readMetrics, readSummary, replay, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

describe('an abort', () => {
  it('between steps leaves the weights, the log and a summary, and ends with the reason', async () => {
    const config = reviewConfig(folder, 'aborted');
    const controller = new AbortController();
    const reason = new Error('enough');
    const events: TrainEvent[] = [];
    const aborted = (async () => {
      for await (const event of train(
        { ...config, training: { ...config.training, steps: 1000 } },
        { signal: controller.signal },
      )) {
        events.push(event);
        if (event.kind === 'step' && event.step === 3) controller.abort(reason);
      }
    })();
    await expect(aborted).rejects.toBe(reason);
    const summary = await readSummary(config.output);
    expect(summary).toMatchObject({ steps: 3, forwards: 12, interrupted: true });
    expect(summary).not.toHaveProperty('test');
    // Step 3 is not one of those that are evaluated: the stop is what it is scored for, once it is on disk.
    const end = events.slice(events.findLastIndex(({ kind }) => kind === 'step') + 1);
    expect(end.filter(({ kind }) => kind === 'checkpoint')[0]).toMatchObject({ name: 'last', step: 3 });
    expect(end.find(({ kind }) => kind === 'evaluation')).toMatchObject({ split: 'validation', step: 3, forwards: 12 });
    expect(summary.kept.step).toBeGreaterThan(0);
    expect((await replay(config.output)).after).toBe(summary.digest);
    expect(await digestOf(join(config.output, 'checkpoints', 'last'))).toBe(summary.digest);
  });

  it('at any moment leaves a log that leads to the weights', async () => {
    for (const milliseconds of [0, 1, 2, 5, 10, 20, 40]) {
      const config = reviewConfig(folder, `aborted-${milliseconds}`);
      const controller = new AbortController();
      const training = { ...config.training, steps: 10_000 };
      let steps = 0;
      const aborted = (async () => {
        for await (const event of train({ ...config, training }, { signal: controller.signal })) {
          if (event.kind === 'step') steps = event.step;
          if (steps === 1) setTimeout(() => controller.abort(), milliseconds);
        }
      })();
      await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
      const summary = await readSummary(config.output);
      expect(summary).toMatchObject({ steps, interrupted: true });
      expect((await replay(config.output)).after).toBe(summary.digest);
    }
  });

  it('while a step fails ends with what failed, and saves no weights that the log may not lead to', async () => {
    const config = reviewConfig(folder, 'failed');
    const controller = new AbortController();
    const broken = new Error('the method is broken');
    let isBroken = false;
    const breaking = defineMethod({
      name: 'breaking',
      title: 'A method that fails as it is told to stop',
      options: {},
      streams: () => 1,
      forwards: () => 2,
      diagnostics: {},
      *estimate(_, { streams: [stream = 0n] }) {
        const [at, ahead]: Float64Array = yield [[], { stream, scale: 1e-3 }];
        if (isBroken) {
          controller.abort(new Error('enough'));
          throw broken;
        }
        return { terms: [{ stream, coefficient: ahead! - at! }], meanLoss: at!, diagnostics: {} };
      },
    });
    registerMethod(breaking);
    const own = { ...config, optimizer: { method: 'breaking', learningRate: 1e-6 } as never };
    const failed = (async () => {
      for await (const { kind } of train(own, { signal: controller.signal })) isBroken ||= kind === 'step';
    })();
    await expect(failed).rejects.toBe(broken);
    expect((await readMetrics(config.output)).at(-1)).toMatchObject({ kind: 'failure', message: broken.message });
    expect(await readdir(config.output)).not.toContain('summary.json');
    expect(await readdir(join(config.output, 'checkpoints'))).not.toContain('last');
  });

  it('before the start writes nothing', async () => {
    const config = reviewConfig(folder, 'never');
    const reason = new Error('enough');
    await expect(run(config, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(readdir(config.output)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('by leaving the loop closes the run', async () => {
    const config = reviewConfig(folder, 'left');
    for await (const event of train(config)) if (event.kind === 'step' && event.step === 2) break;
    expect((await readTrajectory(join(config.output, 'trajectory.zest'))).updates).toHaveLength(2);
    await expect(readSummary(config.output)).rejects.toMatchObject({ code: 'ENOENT' });
    // What it had saved by then can be used.
    const told: string[] = [];
    const { value } = await evaluate(config.output, { onWarning: ({ code }) => told.push(code) }).next();
    expect(value).toMatchObject({ kind: 'evaluation', split: 'validation', step: expect.any(Number) });
    expect(told).toEqual(['WARN_ZEST_UNFINISHED']);
  });
});

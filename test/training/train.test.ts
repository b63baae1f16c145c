import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import type { EvaluationEvent, Progress } from '../../lib/runs/events.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import { evaluate } from '../../lib/training/evaluate.ts';
import type { Config } from '../../lib/training/schema.ts';
import { film } from '../fixtures/film.ts';
import { ofKind, readSummary, replay, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

describe('training', () => {
  it('improves on what it trains on', async () => {
    const config = reviewConfig(folder, 'better');
    const events = await run({
      ...config,
      data: { ...config.data, validation: config.data.train },
      optimizer: { method: 'mezo', learningRate: 5e-5, schedule: 'linear' },
      training: { steps: 60, batchSize: 16, maxLength: 32, evaluateEvery: 60 },
    });
    const [before, after] = ofKind(events, 'evaluation').filter(({ split }) => split === 'validation');
    expect(after!.loss).toBeLessThan(before!.loss - 0.01);
    expect(await readSummary(config.output)).toMatchObject({ steps: 60, forwards: 120 });
  });

  it('keeps the last weights where keepBest is off, and does without validation and test data', async () => {
    const config = reviewConfig(folder, 'plain');
    await run({ ...config, training: { ...config.training, keepBest: false } });
    expect(await readSummary(config.output)).toMatchObject({ kept: { name: 'last', step: 6 } });
    expect(await readdir(join(config.output, 'checkpoints'))).toEqual(['last']);

    const bare = reviewConfig(folder, 'bare');
    const events = await run({ ...bare, data: { train: bare.data.train } });
    expect(ofKind(events, 'evaluation')).toEqual([]);
    const summary = await readSummary(bare.output);
    expect(Object.keys(summary)).toEqual(expect.not.arrayContaining(['before', 'validation', 'test']));
    expect(summary.kept).toEqual({ name: 'last', step: 6 });
    await expect(evaluate(bare.output).next()).rejects.toMatchObject({
      code: 'ERR_ZEST_CONFIG',
      message: `${join(bare.output, 'config.yaml')}: evaluating needs data.validation or data.test`,
    });
  });

  it('tests the best weights, not the last', async () => {
    const config = reviewConfig(folder, 'best');
    // A learning rate that ruins the model: the best is the model as it came.
    await run({ ...config, optimizer: { method: 'mezo', learningRate: 1 } });
    const summary = await readSummary(config.output);
    expect(summary.kept).toEqual({ name: 'best', step: 0 });
    expect(summary.validation).toEqual(summary.before);
    const scores: EvaluationEvent[] = [];
    const file = join(folder, 'base.json');
    await writeFile(file, JSON.stringify(config));
    for await (const event of evaluate(file)) scores.push(event);
    const { test } = JSON.parse(await readFile(join(config.output, 'classification.json'), 'utf8'));
    expect(scores[1]).toEqual({ kind: 'evaluation', split: 'test', step: 0, ...summary.test, report: test });
    expect((await replay(config.output)).after).toBe(summary.digest);
  });

  it("keeps the best by the task's first metric", async () => {
    // The model as it came tells good from bad, but three quarters of these are labelled good: a model that a large
    // learning rate has ruined, and that finds everything good, is the more accurate, with a Matthews of 0.
    const rows = [
      ...Array.from({ length: 9 }, () => ({ sentence: 'the story is wonderful', label: 1 })),
      ...Array.from({ length: 9 }, () => ({ sentence: 'the story is awful', label: 1 })),
      ...Array.from({ length: 6 }, () => ({ sentence: 'the story is awful', label: 0 })),
    ];
    const validation = join(folder, 'skewed.jsonl');
    await writeFile(validation, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const best = async (metrics: ('accuracy' | 'matthews')[]) => {
      const config = reviewConfig(folder, 'metric');
      await run(
        {
          ...config,
          task: { ...config.task, metrics },
          data: { ...config.data, validation },
          optimizer: { method: 'mezo', learningRate: 1 },
          training: { ...config.training, seed: 1 },
        },
        { overwrite: true },
      );
      return readSummary(config.output);
    };
    const byAccuracy = await best(['accuracy', 'matthews']);
    expect(byAccuracy.kept.step).toBeGreaterThan(0);
    expect(byAccuracy.validation).toMatchObject({ accuracy: 0.75, matthews: 0 });
    const byMatthews = await best(['matthews']);
    expect(byMatthews.kept.step).toBe(0);
    expect(byMatthews.validation).toMatchObject({
      accuracy: 15 / 24,
      matthews: expect.closeTo(54 / Math.sqrt(9 * 18 * 6 * 15), 12),
    });
    expect(byMatthews.test).toMatchObject({ accuracy: expect.any(Number), matthews: expect.any(Number) });
  });

  it('stops when patience runs out', async () => {
    const config = reviewConfig(folder, 'patience');
    const events = await run({
      ...config,
      optimizer: { method: 'mezo', learningRate: 1 },
      training: { ...config.training, steps: 50, patience: 2 },
    });
    expect(ofKind(events, 'step')).toHaveLength(4);
    expect(await readSummary(config.output)).toMatchObject({ steps: 4, stoppedEarly: true, interrupted: false });
    expect((await replay(config.output)).after).toBe((await readSummary(config.output)).digest);
  });

  it('samples shots and makes labels noisy', async () => {
    const config = reviewConfig(folder, 'shots');
    const data = { train: config.data.train, shots: 4, seed: 1 };
    const training = { ...config.training, steps: 1 };
    const [start] = await run({ ...config, data, training });
    expect(start).toMatchObject({ train: 8 });
    const first = await readSummary(config.output);
    await run({ ...config, data: { ...data, labelNoise: 1 }, training }, { overwrite: true });
    expect((await readSummary(config.output)).final.loss).not.toBe(first.final.loss);
    await expect(run({ ...config, data: { ...data, shots: 21 }, training }, { overwrite: true })).rejects.toMatchObject(
      {
        code: 'ERR_ZEST_SHOTS',
      },
    );
  });

  it('takes other laws, one side, bfloat16, and a part of the parameters', async () => {
    const config = reviewConfig(folder, 'laws');
    for (const [optimizer, trainable, dtype, forwards] of [
      [{ method: 'zest', directions: 3, sides: 'one', law: 'rademacher', learningRate: 1e-5 }, 'all', 'bfloat16', 3],
      [
        { method: 'zest', directions: 1, law: { lowRank: 2 }, learningRate: 1e-5 },
        { include: ['*.layer.3.*'] },
        'float32',
        2,
      ],
      [{ method: 'mezo', law: 'sphere', learningRate: 1e-5 }, 'bias', 'float32', 2],
    ] as const) {
      const training = { ...config.training, steps: 1 };
      const whole = await run(
        { ...config, optimizer, trainable: trainable as Config['trainable'], dtype, training },
        { overwrite: true },
      );
      const { summary } = ofKind(whole, 'done')[0]!;
      expect(summary.forwards).toBe(forwards);
      const model = await Model.load(film, { device: 'cpu', trainable: trainable as 'all', dtype });
      const { header } = await replayTrajectory(model, join(config.output, 'trajectory.zest'));
      expect(model.dimension).toBe(header.dimension);
      expect(await model.digest()).toBe(summary.digest);
      model.dispose();
    }
  });

  it('reports progress of loading and evaluating', async () => {
    const progress: Progress[] = [];
    const config = reviewConfig(folder, 'progress');
    await run(
      { ...config, training: { ...config.training, steps: 1 } },
      { onProgress: (update) => progress.push(update) },
    );
    for (const [stage, total] of [
      ['validation', 24],
      ['test', 30],
    ] as const) {
      expect(progress.filter((update) => update.stage === stage).at(-1)).toEqual({ stage, done: total, total });
    }
    const loads = progress.filter(({ stage }) => stage === 'load');
    expect(loads.at(-1)?.done).toBe(loads.at(-1)?.total);
  });
});

describe('what is wrong is said before anything is written', () => {
  it.each([
    ['a model folder that is not there', { model: '/no/such/model' }, 'ERR_ZEST_FILE', '/no/such/model'],
    [
      'a label word of two tokens',
      { task: { template: '{sentence} {mask}', labelWords: ['terrible', 'unfathomably'] } },
      'ERR_ZEST_LABEL_WORD',
      'unfathomably',
    ],
    [
      'a template without a mask',
      { task: { template: '{sentence}', labelWords: ['bad', 'good'] } },
      'ERR_ZEST_TEMPLATE',
      'mask',
    ],
    ['a data file that is not there', { data: { train: '/no/such.jsonl' } }, 'ERR_ZEST_DATA', '/no/such.jsonl'],
    [
      'a task of classes for a language model',
      { task: { kind: 'class' as const, fields: ['sentence'], classes: 2 } },
      'ERR_ZEST_TARGET',
      'head: { classes }',
    ],
    [
      'a head of other classes than the task',
      { head: { classes: 3 }, task: { kind: 'class' as const, fields: ['sentence'], classes: 2 } },
      'ERR_ZEST_TARGET',
      '3 scores where the task has 2 labels',
    ],
    ['a tensor that no glob finds', { trainable: { include: ['none.*'] } }, 'ERR_ZEST_TRAINABLE', 'none.*'],
  ])('%s', async (_, change, code, named) => {
    const config = { ...reviewConfig(folder, 'wrong'), ...change };
    await expect(run(config)).rejects.toMatchObject({ code, message: expect.stringContaining(named) });
    await expect(readdir(config.output)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('an output folder that cannot be made', async () => {
    const file = join(folder, 'train.jsonl');
    await expect(run(reviewConfig(folder, 'train.jsonl'))).rejects.toMatchObject({
      code: 'ERR_ZEST_FILE',
      message: expect.stringMatching(/^cannot write .*train\.jsonl: it is a file; expected the path of a folder$/),
    });
    expect(await readFile(file, 'utf8')).toMatch(/^\{/);
  });

  it('names file and line of a broken example', async () => {
    const file = join(folder, 'broken.jsonl');
    await writeFile(file, '{"sentence": "a", "label": 0}\n{"sentence": "b", "label": 2}\n');
    await expect(run({ ...reviewConfig(folder, 'wrong'), data: { train: file } })).rejects.toMatchObject({
      code: 'ERR_ZEST_LABEL',
      message: expect.stringContaining(`${file}:2`),
    });
  });
});

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Model } from '../../lib/model/model.ts';
import { readRows } from '../../lib/text/data.ts';
import { loadTask } from '../../lib/text/task.ts';
import { Tokenizer } from '../../lib/text/tokenizer.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { evaluate } from '../../lib/training/evaluate.ts';
import type {
  EvaluationEvent,
  Progress,
  StepEvent,
  Summary,
  TrainEvent,
  TrainOptions,
} from '../../lib/training/events.ts';
import type { Config } from '../../lib/training/schema.ts';
import { train } from '../../lib/training/train.ts';
import { readTrajectory } from '../../lib/training/trajectory.ts';
import { FILM, reviewConfig, reviewFolder } from './film.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const run = async (config: Config, options?: TrainOptions): Promise<TrainEvent[]> => {
  const events: TrainEvent[] = [];
  for await (const event of train(config, options)) events.push(event);
  return events;
};

const ofKind = <K extends TrainEvent['kind']>(events: readonly TrainEvent[], kind: K) =>
  events.filter((event): event is Extract<TrainEvent, { kind: K }> => event.kind === kind);

const readSummary = async (output: string): Promise<Summary> =>
  JSON.parse(await readFile(join(output, 'summary.json'), 'utf8'));

const readMetrics = async (output: string): Promise<(StepEvent | EvaluationEvent)[]> =>
  (await readFile(join(output, 'metrics.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** The digest of the base after the log's updates. */
const replay = async (output: string): Promise<{ before: string; after: string }> => {
  const { header, updates } = await readTrajectory(join(output, 'trajectory.zest'));
  const { seed, law } = header.directions;
  const model = await Model.load(FILM, { device: 'cpu', directions: { seed: BigInt(seed), law } });
  const before = await model.digest();
  for (const update of updates) await model.apply(update);
  const after = await model.digest();
  model.dispose();
  expect(header.trainable).toBe(before);
  return { before, after };
};

const digestOf = async (checkpoint: string): Promise<string> => {
  const model = await Model.load(checkpoint, { device: 'cpu' });
  const digest = await model.digest();
  model.dispose();
  return digest;
};

describe('a run', () => {
  let config: ReturnType<typeof reviewConfig>;
  let events: TrainEvent[];
  let summary: Summary;
  beforeAll(async () => {
    config = reviewConfig(folder, 'whole');
    events = await run(config);
    summary = await readSummary(config.output);
  });

  it('reports its start, steps, evaluations, checkpoints and end', () => {
    expect(events[0]).toEqual({
      kind: 'start',
      steps: 6,
      device: 'cpu',
      family: 'roberta',
      parameterCount: 3_448_064,
      dimension: 3_448_064,
      train: 40,
      validation: 24,
      test: 30,
      output: config.output,
    });
    expect(ofKind(events, 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    const evaluations = ofKind(events, 'evaluation');
    expect(evaluations.filter(({ split }) => split === 'validation').map(({ step }) => step)).toEqual([0, 2, 4, 6]);
    expect(evaluations.filter(({ split }) => split === 'test')).toHaveLength(1);
    const last = ofKind(events, 'checkpoint').filter(({ name }) => name === 'last');
    expect(last.map(({ step }) => step)).toEqual([4, 6]);
    expect(events.at(-1)).toEqual({ kind: 'done', output: config.output, summary });
  });

  it('leaves exactly the files of the contract', async () => {
    expect((await readdir(config.output)).sort()).toEqual([
      'checkpoints',
      'config.yaml',
      'metrics.jsonl',
      'summary.json',
      'trajectory.zest',
    ]);
    expect((await readdir(join(config.output, 'checkpoints'))).sort()).toEqual(['best', 'last']);
    expect(parse(await readFile(join(config.output, 'config.yaml'), 'utf8'))).toEqual(resolveConfig(config));
  });

  it('writes the scalars of every step and every evaluation', async () => {
    const metrics = await readMetrics(config.output);
    expect(metrics).toEqual(events.filter(({ kind }) => kind === 'step' || kind === 'evaluation'));
    const step = metrics.find(({ kind }) => kind === 'step') as StepEvent;
    expect(Object.keys(step)).toEqual([
      'kind',
      'step',
      'learningRate',
      'meanLoss',
      'tiltedLoss',
      'tilt',
      'tau',
      'effectiveSampleSize',
      'gradientNorm',
      'seconds',
    ]);
    expect(step.tau).toBeCloseTo(1, 9);
    expect(step.tiltedLoss).toBeGreaterThan(step.meanLoss);
  });

  it('sums up what happened', () => {
    const steps = ofKind(events, 'step');
    const validations = ofKind(events, 'evaluation').filter(({ split }) => split === 'validation');
    const [test] = ofKind(events, 'evaluation').filter(({ split }) => split === 'test');
    const best = validations.reduce((a, b) =>
      b.accuracy > a.accuracy || (b.accuracy === a.accuracy && b.loss < a.loss) ? b : a,
    );
    const score = ({ accuracy, loss, count }: EvaluationEvent) => ({ accuracy, loss, count });
    expect(summary).toEqual({
      steps: 6,
      forwards: 6 * 2 * 2,
      final: { loss: steps.at(-1)?.meanLoss },
      kept: { name: best.step === 6 ? 'last' : 'best', step: best.step },
      before: score(validations[0]!),
      validation: score(best),
      test: score(test!),
      stoppedEarly: false,
      interrupted: false,
      seconds: expect.any(Number),
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      device: 'cpu',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(test?.step).toBe(best.step);
  });

  it('is replayed from its log to the same digest, which its checkpoint has', async () => {
    const { before, after } = await replay(config.output);
    expect(after).toBe(summary.digest);
    expect(after).not.toBe(before);
    expect(await digestOf(join(config.output, 'checkpoints', 'last'))).toBe(after);
  });

  it('gives the same weights again, and others with another seed', async () => {
    await run({ ...config, output: join(folder, 'again') });
    expect((await readSummary(join(folder, 'again'))).digest).toBe(summary.digest);
    await run({ ...config, training: { ...config.training, seed: 2 }, output: join(folder, 'other') });
    expect((await readSummary(join(folder, 'other'))).digest).not.toBe(summary.digest);
  });

  it('can be evaluated, with the score that it reported', async () => {
    const scores: EvaluationEvent[] = [];
    for await (const event of evaluate(config.output)) scores.push(event);
    const { kept, validation, test } = summary;
    expect(scores).toEqual([
      { kind: 'evaluation', split: 'validation', step: kept.step, ...validation },
      { kind: 'evaluation', split: 'test', step: kept.step, ...test },
    ]);
  });

  it('keeps a checkpoint that is a model folder, tokenizer and all', async () => {
    const checkpoint = join(config.output, 'checkpoints', summary.kept.name);
    const task = await loadTask(config.task, await Tokenizer.load(checkpoint), { maxLength: 32 });
    const model = await Model.load(checkpoint, { device: 'cpu' });
    const score = await task.score(model, task.examples(await readRows(config.data.test)));
    model.dispose();
    expect(score).toEqual(summary.test);
  });

  it('is not overwritten unless asked', async () => {
    await expect(run(config)).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: `${config.output} holds a run already (${join(config.output, 'config.yaml')}); name another folder as output, or replace the run with --overwrite`,
    });
    expect(await readSummary(config.output)).toEqual(summary);
    const other = reviewConfig(folder, 'replaced');
    await run(other);
    await writeFile(join(other.output, 'notes.txt'), 'mine');
    await run({ ...other, training: { ...other.training, steps: 1 } }, { overwrite: true });
    expect((await readSummary(other.output)).steps).toBe(1);
    expect((await readTrajectory(join(other.output, 'trajectory.zest'))).updates).toHaveLength(1);
    expect(await readFile(join(other.output, 'notes.txt'), 'utf8')).toBe('mine');
  });
});

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
    expect(scores[1]).toEqual({ kind: 'evaluation', split: 'test', step: 0, ...summary.test });
    expect((await replay(config.output)).after).toBe(summary.digest);
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
      const { header, updates } = await readTrajectory(join(config.output, 'trajectory.zest'));
      const model = await Model.load(FILM, { device: 'cpu', trainable: trainable as 'all', dtype });
      expect(model.dimension).toBe(header.dimension);
      model.directions = { seed: BigInt(header.directions.seed), law: header.directions.law };
      for (const update of updates) await model.apply(update);
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
    expect(events.at(-1)).toMatchObject({ kind: 'checkpoint', name: 'last', step: 3 });
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
    await expect(evaluate(config.output).next()).rejects.toMatchObject({ code: 'ERR_ZEST_RUN' });
  });
});

describe('what is wrong is said before anything is written', () => {
  it.each([
    ['a model folder that is not there', { model: '/no/such/model' }, 'ERR_ZEST_TOKENIZER', '/no/such/model'],
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
      message: expect.stringMatching(/^cannot write .*train\.jsonl: EEXIST/),
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

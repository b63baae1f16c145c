import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { SweepOptions } from '../lib/index.ts';
import * as zest from '../lib/index.ts';
import { film } from './fixtures/film.ts';
import { rejects } from './fixtures/rejects.ts';
import { readSummary, reviewConfig, reviewFolder, run } from './training/runs.ts';

// Whatever is passed to the library, what it throws is a ZestError, and no option is ignored.

/** Anything that a program without types may pass. */
const GARBAGE: readonly unknown[] = [
  ...[undefined, null, 0, -1, 1.5, Number.NaN, 5n, true, '', 'x', Symbol('s')],
  ...[[], {}, [null], [undefined], { a: 1 }, () => {}, new Map(), new Error('e'), new Date(0)],
];

let folder: string;
let finished: string;
let model: zest.Model;
let tokenizer: zest.Tokenizer;
let task: zest.Task;
let batch: zest.Batch;
let vector: zest.VectorObjective;
let box: zest.BlackBox<void>;
beforeAll(async () => {
  folder = await reviewFolder();
  const config = reviewConfig(folder, 'run');
  finished = config.output;
  await run({ ...config, training: { ...config.training, steps: 1 } });
  model = await zest.Model.load(film, { device: 'cpu' });
  tokenizer = await zest.Tokenizer.load(film);
  task = await zest.loadTask('sst2', tokenizer);
  batch = task.batch([{ sentence: 'a film', label: 1 }]);
  vector = zest.vectorObjective(([x = 0]) => x * x, [1]);
  box = zest.blackBox({ parameters: { x: [1] }, evaluate: () => [1] });
});
afterAll(async () => {
  model.dispose();
  await rm(folder, { recursive: true });
});

const optimizer = () => zest.zest({ learningRate: 1e-9 });
const first = async (events: AsyncGenerator<unknown>) => {
  await events.next();
  await events.return(undefined);
};
const example = { sentence: 'a', label: 1 };
const row = { file: 'f', line: 1, fields: example };
const ratio = { rho: 1e-3, tilt: 0, estimator: 'naive', sides: 'two' } as const;

/** The last argument of a call, and the call with it. What is passed on purpose is none of its type. */
type Call = (value: never) => unknown;

/** Calls by their options, which may be left out. */
const withOptions: Readonly<Record<string, Call>> = {
  'Model.load': (o) => zest.Model.load(film, o).then((loaded) => loaded.dispose()),
  'model.evaluate': (o) => model.evaluate(batch, [[]], o),
  'model.sequenceLosses': (o) => model.sequenceLosses(batch, [[]], o),
  'model.apply': (o) => model.apply({ decay: 0, terms: [] }, o),
  'model.logits': (o) => model.logits(batch, o),
  'model.direction': (o) => model.direction(0n, 'lm_head.bias', o),
  vectorObjective: (o) => zest.vectorObjective(() => 1, [1], o),
  'vector.evaluate': (o) => vector.evaluate(undefined, [[]], o),
  'vector.apply': (o) => vector.apply({ decay: 0, terms: [] }, o),
  'vector.direction': (o) => vector.direction(0n, 'x', o),
  blackBox: (o) => zest.blackBox(o),
  'box.evaluate': (o) => box.evaluate(undefined, [[]], o),
  'box.sequenceLosses': (o) => box.sequenceLosses(undefined, [[]], o),
  'box.apply': (o) => box.apply({ decay: 0, terms: [] }, o),
  'box.direction': (o) => box.direction(0n, 'x', o),
  recordTrajectory: (o) => zest.recordTrajectory(box, join(folder, 'box.zest'), o).then((log) => log.close()),
  rewardObjective: (o) => zest.rewardObjective(model, task, () => 1, o),
  'reward.evaluate': (o) => zest.rewardObjective(model, task, () => 1).evaluate([example], [[]], o),
  'exampleTilt.evaluate': (o) => zest.exampleTilt(box, 1).evaluate(undefined, [[]], o),
  'optimizer.step': (o) => optimizer().step(model, batch, o),
  loadTask: (o) => zest.loadTask('sst2', tokenizer, o),
  'task.examples': (o) => task.examples([row], o),
  'task.example': (o) => task.example(row, o),
  'task.score': (o) => task.score(model, [example], o),
  'task.classify': (o) => task.classify(model, ['a'], o),
  'task.answers': (o) => task.answers(model, task.examples([row]), o),
  'tokenizer.encode': (o) => tokenizer.encode('a', o),
  'tokenizer.decode': (o) => tokenizer.decode([5], o),
  openRun: (o) => zest.openRun(finished, o).then((opened) => opened.model.dispose()),
  predict: (o) => first(zest.predict({ model, task }, join(folder, 'test.jsonl'), o)),
  evaluate: (o) => first(zest.evaluate(finished, o)),
  train: (o) => first(zest.train(join(folder, 'none.yaml'), o)),
  findLearningRate: (o) => zest.findLearningRate(join(folder, 'none.yaml'), o),
  measureSharpness: (o) => zest.measureSharpness(join(folder, 'none.yaml'), o),
  replayTrajectory: (o) => zest.replayTrajectory(model, join(finished, 'trajectory.zest'), o),
  sharpness: (o) => zest.sharpness(vector, undefined, o),
  neighbourhood: (o) => zest.neighbourhood(vector, undefined, o),
  hessianTrace: (o) => zest.hessianTrace(vector, undefined, o),
  quadraticForm: (o) => zest.quadraticForm(vector, undefined, { stream: 0n, scale: 1 }, o),
  lossSlice: (o) => zest.lossSlice(vector, undefined, o),
  topEigenvalues: (o) => zest.topEigenvalues(vector, undefined, o),
  // Of these, some options are needed.
  zest: (o) => zest.zest(o),
  mezo: (o) => zest.mezo(o),
  nspsa: (o) => zest.nspsa(o),
  sweep: (o) => first(zest.sweep(join(folder, 'none.yaml'), o)),
  'model.step': (o) => model.step(batch, o),
};

const withArguments: Readonly<Record<string, Call>> = {
  'Model.load': (v) => zest.Model.load(v),
  'model.evaluate, batch': (v) => model.evaluate(v, [[]]),
  'model.evaluate, points': (v) => model.evaluate(batch, v),
  'model.apply': (v) => model.apply(v),
  'model.exclusively': (v) => model.exclusively(v),
  'model.logits': (v) => model.logits(v),
  'model.parameter': (v) => model.parameter(v),
  'model.direction, stream': (v) => model.direction(v, 'lm_head.bias'),
  'model.direction, name': (v) => model.direction(0n, v),
  'model.memory': (v) => model.memory(v),
  'model.save': (v) => (typeof v === 'string' ? undefined : model.save(v)),
  'Tokenizer.load': (v) => zest.Tokenizer.load(v),
  streamText: (v) => first(zest.streamText(v, tokenizer, 'a', { maxTokens: 1 })),
  'streamText, tokenizer': (v) => first(zest.streamText(model, v, 'a', { maxTokens: 1 })),
  'model.generate': (v) => model.generate(v, { maxTokens: 1 }),
  'tokenizer.encode': (v) => tokenizer.encode(v),
  'tokenizer.decode': (v) => tokenizer.decode(v),
  'loadTask, spec': (v) => zest.loadTask(v, tokenizer),
  'loadTask, tokenizer': (v) => zest.loadTask('sst2', v),
  'task.batch': (v) => task.batch(v),
  'task.examples': (v) => task.examples(v),
  'task.example': (v) => task.example(v),
  'task.sample': (v) => task.sample(v, { labelNoise: 0, seed: 1 }),
  'task.sample, sampling': (v) => task.sample(task.examples([row]), v),
  'task.score, model': (v) => task.score(v, [example]),
  'task.score': (v) => task.score(model, v),
  'task.classify, model': (v) => task.classify(v, ['a']),
  'task.classify': (v) => task.classify(model, v),
  'optimizer.step, objective': (v) => optimizer().step(v, batch),
  'optimizer.step, batch': (v) => optimizer().step(model, v),
  'optimizer.restore': (v) => optimizer().restore(v),
  createOptimizer: (v) => zest.createOptimizer(v, { learningRate: 1 }),
  defineMethod: (v) => zest.defineMethod(v),
  registerMethod: (v) => zest.registerMethod(v),
  'coefficients, losses': (v) => zest.coefficients(v, ratio),
  coefficients: (v) => zest.coefficients([1, 2], v),
  noise: (v) => zest.noise(v),
  'vectorObjective, f': (v) => zest.vectorObjective(v, [1]),
  'vectorObjective, x0': (v) => zest.vectorObjective(() => 1, v),
  'vector.evaluate': (v) => vector.evaluate(undefined, v),
  'vector.evaluate, batch': (v) => vector.evaluate(v, [[]]),
  'vector.apply': (v) => vector.apply(v),
  'box.evaluate': (v) => box.evaluate(undefined, v),
  'box.apply': (v) => box.apply(v),
  'box.parameter': (v) => box.parameter(v),
  'box.direction': (v) => box.direction(v, 'x'),
  'box.load': (v) => box.load(v),
  'blackBox, parameters': (v) => zest.blackBox({ parameters: v, evaluate: () => 1 }),
  'blackBox, evaluate': (v) => zest.blackBox({ parameters: { x: [1] }, evaluate: v }),
  'recordTrajectory, objective': (v) =>
    zest.recordTrajectory(v, join(folder, 'box.zest'), { directions: { seed: 0, law: 'gaussian' } }),
  'metricObjective, model': (v) => zest.metricObjective(v, task, 'accuracy'),
  'metricObjective, task': (v) => zest.metricObjective(model, v, 'accuracy'),
  'metricObjective, metric': (v) => zest.metricObjective(model, task, v),
  'metric.evaluate, batch': (v) => zest.metricObjective(model, task, 'accuracy').evaluate(v, [[]]),
  'rewardObjective, model': (v) => zest.rewardObjective(v, task, () => 1),
  'rewardObjective, task': (v) => zest.rewardObjective(model, v, () => 1),
  rewardObjective: (v) => zest.rewardObjective(model, task, v),
  'reward.evaluate, batch': (v) => zest.rewardObjective(model, task, () => 1).evaluate(v, [[]]),
  'exampleTilt, objective': (v) => zest.exampleTilt(v, 1),
  exampleTilt: (v) => zest.exampleTilt(box, v),
  groupTilt: (v) => zest.groupTilt(box, v, () => ['a']),
  'groupTilt, groups': (v) => zest.groupTilt(box, 1, v),
  readRows: (v) => zest.readRows(v),
  'shuffledBatches, rows': (v) => zest.shuffledBatches(v, 1, 1),
  'shuffledBatches, size': (v) => zest.shuffledBatches(1, v, 1),
  'shuffledBatches, seed': (v) => zest.shuffledBatches(1, 1, v),
  'batches.batch': (v) => zest.shuffledBatches(4, 2, 1).batch(v),
  report: (v) => zest.report(v),
  readTrajectory: (v) => zest.readTrajectory(v),
  'replayTrajectory, model': (v) => zest.replayTrajectory(v, join(finished, 'trajectory.zest')),
  replayTrajectory: (v) => zest.replayTrajectory(model, v),
  train: (v) => first(zest.train(v)),
  evaluate: (v) => first(zest.evaluate(v)),
  openRun: (v) => zest.openRun(v),
  'predict, run': (v) => first(zest.predict(v, join(folder, 'test.jsonl'))),
  'predict, input': (v) => first(zest.predict({ model, task }, v)),
  'sweep, config': (v) => first(zest.sweep(v, { grid: { 'training.seed': [1] } })),
  'sweep, grid': (v) => first(zest.sweep(join(folder, 'none.yaml'), { grid: v } as SweepOptions)),
  findLearningRate: (v) => zest.findLearningRate(v),
  measureSharpness: (v) => zest.measureSharpness(v),
  sharpness: (v) => zest.sharpness(v, undefined),
  neighbourhood: (v) => zest.neighbourhood(v, undefined),
  hessianTrace: (v) => zest.hessianTrace(v, undefined),
  lossSlice: (v) => zest.lossSlice(v, undefined),
  topEigenvalues: (v) => zest.topEigenvalues(v, undefined),
};

/** What a call threw or rejected with for each value, where it did. */
const thrown = async (call: Call): Promise<unknown[]> => {
  const errors: unknown[] = [];
  for (const value of GARBAGE) {
    try {
      await call(value as never);
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
};

describe.each([
  ['options of', withOptions],
  ['arguments of', withArguments],
])('%s', (_, calls) => {
  it.each(Object.entries(calls))('%s that are anything are a ZestError, if not right', async (_, call) => {
    const errors = await thrown(call);
    expect(errors.length).toBeGreaterThan(8);
    for (const error of errors) {
      if (!(error instanceof zest.ZestError)) throw error;
      expect(error.message).not.toMatch(/undefined \(|is not a function|Cannot/);
    }
  });
});

describe('an option that there is not', () => {
  it.each(Object.entries(withOptions))('of %s is an error', async (_, call) => {
    await rejects(() => call({ nosuch: 1 } as never), 'ERR_ZEST_OPTION', /^nosuch is not known; expected one of /);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['signal', () => model.evaluate(batch, [[]], { singal: undefined } as never), /singal.*did you mean signal\?/],
    ['learningRate', () => zest.zest({ lerningRate: 1 } as never), /did you mean learningRate\?/],
    ['dtype', () => zest.Model.load(film, { dtyp: 'bfloat16' } as never), /did you mean dtype\?/],
    ['overrides', () => first(zest.train('x.yaml', { override: [] } as never)), /did you mean overrides\?/],
    ['batchSize', () => task.score(model, [example], { batchsize: 2 } as never), /did you mean batchSize\?/],
    ['grid', () => first(zest.sweep('x.yaml', { gird: {} } as never)), /did you mean grid\?/],
  ])('is guessed: %s', async (_, call, text) => {
    await rejects(call, 'ERR_ZEST_OPTION', text);
  });
});

describe('train', () => {
  it('takes overrides, as its siblings do', async () => {
    const file = join(folder, 'overridden.yaml');
    await writeFile(file, stringify(reviewConfig(folder, 'never')));
    const output = join(folder, 'overridden');
    for await (const _ of zest.train(file, { overrides: [`output=${output}`, 'training.steps=1'] }));
    expect((await readSummary(output)).steps).toBe(1);
    await rejects(
      () => first(zest.train(file, { overrides: ['training.step=1'] })),
      'ERR_ZEST_CONFIG',
      /override training\.step is not known \(did you mean steps\?\)/,
    );
  });
});

describe('an optimizer', () => {
  it('steps one objective, until it is restored', async () => {
    const other = zest.vectorObjective(([x = 0]) => x * x, [1]);
    const mezo = zest.mezo({ learningRate: 0.1 });
    await mezo.step(vector);
    await mezo.step(vector);
    await rejects(() => mezo.step(other), 'ERR_ZEST_ARGUMENT', /^objective is another than that of the steps before/);
    expect(other.x[0]).toBe(1);
    expect(mezo.state().step).toBe(2);
    mezo.restore(mezo.state());
    await mezo.step(other);
    expect(mezo.state().step).toBe(3);
  });

  it('is of the objective that it has moved, which a step that failed has not', async () => {
    const other = zest.vectorObjective(([x = 0]) => x * x, [1]);
    const mezo = zest.mezo({ learningRate: 0.1 });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(mezo.step(vector, undefined, { signal })).rejects.toThrow('enough');
    const [first, second] = [mezo.step(other), mezo.step(vector)]; // decided by the first, when it has its turn
    await first;
    await rejects(() => second, 'ERR_ZEST_ARGUMENT', /^objective is another/);
    const update = { decay: 0, terms: [{ stream: 1n, coefficient: 1 }] };
    await rejects(() => mezo.replay(vector, update), 'ERR_ZEST_ARGUMENT', /^objective is another/);
    expect(mezo.state().step).toBe(1);
  });

  it('is not restored while a step is under way', async () => {
    const mezo = zest.mezo({ learningRate: 0.1 });
    const state = mezo.state();
    const step = mezo.step(vector);
    await rejects(() => mezo.restore(state), 'ERR_ZEST_OPTION', /while a step is under way; await it before/);
    await step;
    expect(mezo.state().step).toBe(1);
    mezo.restore(state);
    expect(mezo.state().step).toBe(0);
  });

  it('takes a call without a batch, with options after it', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(zest.mezo({ learningRate: 0.1 }).step(vector, undefined, { signal })).rejects.toThrow('enough');
    await rejects(
      () => zest.mezo({ learningRate: 0.1 }).step(vector, { signal } as never),
      'ERR_ZEST_ARGUMENT',
      /^batch is \{ signal: .*; expected undefined/,
    );
  });
});

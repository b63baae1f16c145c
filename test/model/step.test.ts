import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { coefficients } from '../../lib/methods/estimators.ts';
import { Model } from '../../lib/model/model.ts';
import type { ModelStepOptions, ModelStepResult } from '../../lib/model/step.ts';
import { native } from '../../lib/native/load.ts';
import type { Point, Update } from '../../lib/objective.ts';
import { bits, film, filmBatch, LAWS, nameOf } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { stepByHand } from './step-by-hand.ts';

const batch = filmBatch([9, 30, 4, 17, 2, 40, 11]);
const base: ModelStepOptions = {
  ...{ directions: 3, firstStream: 40n, rho: 1e-3, learningRate: 1e-4, weightDecay: 0.1 },
  ...{ tilt: 1, estimator: 'naive', sides: 'two' },
};

let models: Model[] = [];
const load = async (options: Parameters<typeof Model.load>[1] = {}): Promise<Model> => {
  const model = await Model.load(film, options);
  models.push(model);
  return model;
};
afterEach(() => {
  for (const model of models) model.dispose();
  models = [];
});

const exactly = ({ losses, coefficients: c, update, ...scalars }: ModelStepResult): unknown => ({
  losses: bits(losses),
  coefficients: bits(c),
  decay: bits([update.decay]),
  streams: update.terms.map(({ stream }) => stream),
  terms: bits(update.terms.map(({ coefficient }) => coefficient)),
  scalars: Object.entries(scalars).map(([key, value]) => [key, ...bits([value])]),
});

describe.each(LAWS.map((law) => [nameOf(law), law] as const))('a step with %s directions', (_, law) => {
  const variants: [string, Partial<ModelStepOptions>][] = [
    ['naive', {}],
    ['biasCorrected, tau, sigma', { estimator: 'biasCorrected', tilt: { tau: 1 }, normalize: 'sigma' }],
    ['beale, effective sample size', { estimator: 'beale', tilt: { effectiveSampleSize: 0.5 } }],
    ['jackknife, KL radius, norm', { estimator: 'jackknife', tilt: { klRadius: 0.2 }, normalize: 'norm' }],
    ['one-sided', { sides: 'one' }],
    ['MeZO', { directions: 1, tilt: 0, weightDecay: 0 }],
  ];
  it.each(variants)('is evaluate, coefficients and apply to the bit: %s', async (_, changes) => {
    const [fused, apart] = await Promise.all([load({ directions: { law } }), load({ directions: { law } })]);
    for (const round of [0, 1]) {
      const options = { ...base, ...changes, firstStream: base.firstStream + BigInt(round * 3) };
      expect(exactly(await fused.step(batch, options))).toEqual(exactly(await stepByHand(apart, batch, options)));
      expect(await fused.digest()).toBe(await apart.digest());
    }
    expect(fused.version).toBe(2n);
  });
});

describe('a step', () => {
  let fused: Model;
  beforeEach(async () => {
    fused = await load();
  });

  it.each([1, 2, 3, 5, 100])('has the same bits in micro-batches of %i', async (microBatch) => {
    const other = await load();
    expect(exactly(await other.step(batch, { ...base, microBatch }))).toEqual(exactly(await fused.step(batch, base)));
    expect(await other.digest()).toBe(await fused.digest());
  });

  it('evaluates in micro-batches with an estimator that is a function, too', async () => {
    const { createEngine } = native();
    const evaluate = vi.fn();
    const create = vi.spyOn(native(), 'createEngine').mockImplementation((options) => {
      const engine = createEngine(options);
      evaluate.mockImplementation(engine.evaluate.bind(engine));
      Object.defineProperty(engine, 'evaluate', { value: evaluate });
      return engine;
    });
    const other = await load();
    create.mockRestore();
    const estimator = (losses: Float64Array) => coefficients(losses, base).coefficients;
    const result = await other.step(batch, { ...base, estimator, microBatch: 2 });
    expect(evaluate.mock.calls.map((call) => call[3])).toEqual([2]);
    expect(exactly(result)).toEqual(exactly(await fused.step(batch, base)));
  });

  it('evaluates the same losses in micro-batches', async () => {
    const points: Point[] = [{ stream: 1n, scale: 1e-2 }, []];
    const losses = bits(await fused.evaluate(batch, points));
    const each = (await fused.sequenceLosses(batch, points)).map((row) => bits(row));
    for (const microBatch of [1, 2, 3, 5, 100]) {
      expect(bits(await fused.evaluate(batch, points, { microBatch }))).toEqual(losses);
      const rows = await fused.sequenceLosses(batch, points, { microBatch });
      expect(rows.map((row) => bits(row))).toEqual(each);
    }
    const bad = { microBatch: 1.5 };
    await rejects(() => fused.evaluate(batch, points, bad), 'ERR_ZEST_OPTION', /microBatch is 1.5/);
    await rejects(() => fused.sequenceLosses(batch, points, bad), 'ERR_ZEST_OPTION', /microBatch is 1.5/);
  });

  it.each([1, 3, 8])('has the same bits on %i threads', async (threads) => {
    const other = await load({ threads });
    expect(exactly(await other.step(batch, base))).toEqual(exactly(await fused.step(batch, base)));
    expect(await other.digest()).toBe(await fused.digest());
  });

  it('has the same bits with an estimator that is a function and returns the same', async () => {
    const estimator = (losses: Float64Array) => coefficients(losses, base).coefficients;
    const other = await load();
    expect(exactly(await other.step(batch, { ...base, estimator }))).toEqual(exactly(await fused.step(batch, base)));
    expect(await other.digest()).toBe(await fused.digest());
  });

  it('has the same bits in bfloat16, where the update is rounded stochastically', async () => {
    const [one, two] = [await load({ dtype: 'bfloat16', threads: 1 }), await load({ dtype: 'bfloat16', threads: 3 })];
    const before = await one.digest();
    expect(exactly(await one.step(batch, base))).toEqual(exactly(await stepByHand(two, batch, base)));
    expect(await one.digest()).toBe(await two.digest());
    expect(await one.digest()).not.toBe(before);
  });

  it('counts updates and forwards', async () => {
    const { step, evaluate } = { step: () => fused.step(batch, base), evaluate: () => fused.evaluate(batch, [[], []]) };
    expect([fused.version, fused.forwards]).toEqual([0n, 0n]);
    await step();
    expect([fused.version, fused.forwards]).toEqual([1n, 6n * 7n]);
    await fused.step(batch, { ...base, sides: 'one', microBatch: 2 });
    expect([fused.version, fused.forwards]).toEqual([2n, 9n * 7n]);
    await evaluate();
    expect([fused.version, fused.forwards]).toEqual([2n, 11n * 7n]);
    await fused.sequenceLosses(batch, [[]]);
    await fused.logits(batch);
    await fused.apply({ decay: 0, terms: [] });
    expect([fused.version, fused.forwards]).toEqual([3n, 13n * 7n]);
  });

  it('changes nothing where the loss is not finite', async () => {
    const before = await fused.digest();
    await expect(fused.step(batch, { ...base, rho: 1e38 })).rejects.toMatchObject({
      code: 'ERR_ZEST_LOSS_NOT_FINITE',
      message: expect.stringMatching(/stream 40/),
    });
    expect(await fused.digest()).toBe(before);
    expect(fused.version).toBe(0n);
  });

  it('changes nothing where a coefficient is beyond float32', async () => {
    const before = await fused.digest();
    const estimator = () => Float64Array.of(1, 1e60, 1);
    for (const options of [
      { ...base, estimator },
      { ...base, learningRate: 1e38 },
    ]) {
      await expect(fused.step(batch, options)).rejects.toMatchObject({ code: 'ERR_ZEST_UPDATE' });
    }
    expect(await fused.digest()).toBe(before);
    expect(fused.version).toBe(0n);
  });
});

describe('calls', () => {
  const estimator = (losses: Float64Array) => coefficients(losses, base).coefficients;
  const update: Update = { decay: 0, terms: [{ stream: 1n, coefficient: 1e-3 }] };

  it('take effect in call order', async () => {
    const [queued, apart] = [await load(), await load()];
    const results = await Promise.all([
      queued.apply(update),
      queued.step(batch, { ...base, estimator }),
      queued.apply(update),
      queued.evaluate(batch, [[]], { atVersion: 3n }),
      queued.step(batch, base),
      queued.digest(),
    ]);
    await apart.apply(update);
    await apart.step(batch, { ...base, estimator });
    await apart.apply(update);
    expect(bits(results[3])).toEqual(bits(await apart.evaluate(batch, [[]])));
    await apart.step(batch, base);
    expect(results[5]).toBe(await apart.digest());
  });

  it('use the directions that go with them, else those of the model', async () => {
    const model = await load();
    const points = [{ stream: 1n, scale: 1e-3 }];
    const first = model.evaluate(batch, points);
    const second = model.evaluate(batch, points, { directions: { seed: 1, law: 'rademacher' } });
    const own = await load({ directions: { seed: 1, law: 'rademacher' } });
    expect(bits(await first)).toEqual(bits(await model.evaluate(batch, points)));
    expect(bits(await second)).toEqual(bits(await own.evaluate(batch, points)));
    expect(bits(await second)).not.toEqual(bits(await first));
  });

  it('are refused at another version than the one asked for', async () => {
    const model = await load();
    const late = model.apply(update).then(() => {});
    for (const call of ['evaluate', 'sequenceLosses'] as const)
      await rejects(() => model[call](batch, [[]], { atVersion: 0n }), 'ERR_ZEST_VERSION', /version 0.*version 1/);
    await late;
    await expect(model.evaluate(batch, [[]], { atVersion: 1n })).resolves.toHaveLength(1);
    await expect(model.sequenceLosses(batch, [[]], { atVersion: 1n })).resolves.toHaveLength(1);
  });
});

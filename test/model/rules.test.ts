import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lozo } from '../../lib/methods/lozo.ts';
import { mezo } from '../../lib/methods/mezo.ts';
import { subzero } from '../../lib/methods/subzero.ts';
import { Model } from '../../lib/model/model.ts';
import type { Update, UpdateRule } from '../../lib/objective.ts';
import { film, filmBatch } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

// Rules of updates, and directions of low rank that keep a factor, in the engine. What it computes is held against
// docs/noise.md in JavaScript; that every instruction set and the GPU's kernels have the same bits is tested in C++.

const NAME = 'roberta.encoder.layer.0.attention.self.query.weight';
const trainable = { include: [NAME, 'lm_head.bias'] };
const batch = filmBatch([7, 23]);

const RULES: UpdateRule[] = [
  { name: 'sign', rate: 1e-3 },
  { name: 'momentum', rate: 1e-3, beta: 0.9 },
  { name: 'adam', rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-6 },
];

/** Of the weights after four updates: with AVX-512, AVX2 and portable C++ alike. */
const DIGESTS = {
  sign: {
    float32: 'sha256:a22dec8ddf057d931dbf3be03e3af3b292db2001b7c2dc2ce9afc6dfad667355',
    bfloat16: 'sha256:357ec9f6065fd0324f604073418cff960e9091651cb6934c452d2428c0acade4',
  },
  momentum: {
    float32: 'sha256:c756b0430d68a56bbc52c3f2949bc0e5d498c324807d63399031803300d5f0bf',
    bfloat16: 'sha256:48f45a8748f20a0e7ac4b1de2ee36cf44a61c1440ff65b95950935f70271b80f',
  },
  adam: {
    float32: 'sha256:b4839266100055fea062a369dcf5ee8fcd5880c3e0ef7c30c66b70f29fcfe211',
    bfloat16: 'sha256:1d7832a23ca02a8b4b48511463b949b1cd2d2630c90099ae921a00d22e939604',
  },
};

const update = (rule: UpdateRule | undefined, s: bigint): Update => ({
  decay: 0.1,
  terms: [2n * s, 2n * s + 1n].map((stream, i) => ({ stream, coefficient: 0.5 - 0.75 * i })),
  rule,
  anchored: true,
});

const f32 = Math.fround;
/** fma in float32: the product of two float32 is exact in float64, and the sum is rounded twice at worst once in 2^29. */
const fma = (a: number, b: number, c: number) => f32(a * b + c);

/** A rule's step of one element, as docs/noise.md says. */
const moved = (rule: UpdateRule, theta: number, pull: number, g: number, state: Record<string, number>): number => {
  const rate = f32(rule.rate);
  if (rule.name === 'sign') return f32(theta - fma(rate, Math.sign(g), pull));
  if (rule.name === 'momentum') {
    state.momentum = fma(f32(rule.beta), state.momentum ?? 0, g);
    return f32(theta - fma(rate, state.momentum, pull));
  }
  const [beta1, beta2, epsilon] = [f32(rule.beta1), f32(rule.beta2), f32(rule.epsilon)];
  state.firstMoment = fma(beta1, state.firstMoment ?? 0, f32(f32(1 - beta1) * g));
  state.secondMoment = fma(beta2, state.secondMoment ?? 0, f32(f32(f32(1 - beta2) * g) * g));
  const direction = f32(state.firstMoment / f32(f32(Math.sqrt(state.secondMoment)) + epsilon));
  return f32(theta - fma(rate, direction, pull));
};

describe('a rule of updates in the engine', () => {
  it.each(RULES.map((rule) => [rule.name, rule] as const))('%s is what docs/noise.md says', async (_, rule) => {
    using model = await Model.load(film, { trainable, device: 'cpu' });
    const theta = await model.parameter(NAME);
    const start = theta.slice();
    const states = Array.from(theta, (): Record<string, number> => ({}));
    for (const s of [0n, 1n, 2n]) {
      const v = [await model.direction(2n * s, NAME), await model.direction(2n * s + 1n, NAME)];
      await model.apply(update(rule, s));
      for (let j = 0; j < theta.length; j++) {
        const g = fma(-0.25, v[1]![j]!, fma(0.5, v[0]![j]!, 0));
        const pull = f32(f32(0.1) * f32(theta[j]! - start[j]!));
        theta[j] = moved(rule, theta[j]!, pull, g, states[j]!);
      }
    }
    const found = await model.parameter(NAME);
    let differing = 0;
    for (let j = 0; j < theta.length; j++) if (found[j] !== theta[j]) differing++;
    expect(differing).toBeLessThan(5); // those of a sum that was rounded twice
    for (const name of model.stateNames) {
      const state = await model.state(name, NAME);
      if (name === 'anchor') expect(state).toEqual(start);
      else expect(state[77]).toBeCloseTo(states[77]![name]!, 6);
    }
  });

  it.each(RULES.map((rule) => [rule.name, rule] as const))(
    '%s goes on from its state with the same bits',
    async (_, rule) => {
      using whole = await Model.load(film, { trainable, device: 'cpu', dtype: 'bfloat16' });
      using first = await Model.load(film, { trainable, device: 'cpu', dtype: 'bfloat16' });
      using second = await Model.load(film, { trainable, device: 'cpu', dtype: 'bfloat16' });
      for (let s = 0n; s < 6n; s++) await whole.apply(update(rule, s));
      for (let s = 0n; s < 3n; s++) await first.apply(update(rule, s));
      for (let s = 0n; s < 3n; s++) await second.apply(update(rule, s));
      // The weights are those of the log; the state comes from elsewhere.
      for (const name of second.stateNames) {
        for (const parameter of second.trainableNames) {
          const { length } = await second.parameter(parameter);
          await second.restoreState(name, parameter, new Float32Array(length).fill(0.25));
          await second.restoreState(name, parameter, await first.state(name, parameter));
        }
      }
      for (let s = 3n; s < 6n; s++) await second.apply(update(rule, s));
      expect(await second.digest()).toBe(await whole.digest());
    },
  );

  it.each(
    RULES.flatMap((rule) => (['float32', 'bfloat16'] as const).map((dtype) => [rule.name, dtype, rule] as const)),
  )('%s in %s has the same bits everywhere', async (name, dtype, rule) => {
    using model = await Model.load(film, { trainable, device: 'cpu', dtype });
    for (let s = 0n; s < 4n; s++) await model.apply(update(rule, s));
    expect(await model.digest()).toBe(DIGESTS[name][dtype]);
  });

  it('is taken by every method', async () => {
    using model = await Model.load(film, { trainable, device: 'cpu' });
    const rule = { adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } };
    const optimizer = mezo({ learningRate: 1e-3, rule, seed: 1 });
    const before = await model.parameter(NAME);
    await optimizer.step(model, batch);
    const after = await model.parameter(NAME);
    // Adam's first step is the learning rate, whatever G is.
    const steps = Array.from(after, (value, j) => Math.abs(value - before[j]!));
    const typical = steps.filter((step) => Math.abs(step - 1e-3) < 1e-6).length;
    expect(typical / steps.length).toBeGreaterThan(0.99);
    expect(model.stateNames).toEqual(['firstMoment', 'secondMoment']);
  });

  it('refuses state that it cannot have', async () => {
    using model = await Model.load(film, { trainable, device: 'cpu' });
    const call = (name: string, parameter: string) => model.state(name as 'momentum', parameter);
    await rejects(() => call('momentum', NAME), 'ERR_ZEST_PARAMETER', /no update has made a state momentum/);
    await rejects(() => call('velocity', NAME), 'ERR_ZEST_PARAMETER', /no state 'velocity'; expected one of momentum/);
    await rejects(() => call('momentum', 'nope'), 'ERR_ZEST_PARAMETER', /no parameter 'nope'/);
    const frozen = 'roberta.embeddings.word_embeddings.weight';
    await rejects(() => call('momentum', frozen), 'ERR_ZEST_PARAMETER', /is not trained/);
    const restored = (values: unknown) => model.restoreState('momentum', NAME, values as never);
    await rejects(() => restored([1]), 'ERR_ZEST_ARGUMENT', /values has 1 numbers; expected \d+/);
    await rejects(() => restored(null), 'ERR_ZEST_ARGUMENT', /values has undefined numbers/);
    const { length } = await model.parameter(NAME);
    await rejects(() => restored(new Float32Array(length).fill(Number.NaN)), 'ERR_ZEST_ARGUMENT', /values\[0\] is NaN/);
    await rejects(
      () => model.apply({ decay: 0, terms: [], vector: new Float64Array(3) }),
      'ERR_ZEST_UPDATE',
      /update has a vector; expected terms alone/,
    );
    await rejects(
      () => model.evaluate(batch, [{ vector: new Float64Array(3), scale: 1 }]),
      'ERR_ZEST_POINT',
      /points\[0\] is along a vector; expected a stream/,
    );
  });
});

describe('directions of low rank that keep a factor', () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(film, { trainable, device: 'cpu' });
  });
  afterAll(() => model.dispose());

  const direction = (stream: bigint, keep?: number) =>
    model.direction(stream, NAME, { directions: { seed: 5, law: { lowRank: 1, keep } } });

  it('share B, which of rank one is the ratio of the columns', async () => {
    const columns = model.trainableParameters.find(({ name }) => name === NAME)!.columns;
    const ratio = (v: Float32Array) => Array.from({ length: 8 }, (_, j) => v[3 * columns + j]! / v[3 * columns]!);
    const [first, second, next] = [await direction(8n, 4), await direction(11n, 4), await direction(12n, 4)];
    for (const [j, value] of ratio(second).entries()) expect(value).toBeCloseTo(ratio(first)[j]!, 3);
    expect(second).not.toEqual(first);
    expect(Math.abs(ratio(next)[1]! - ratio(first)[1]!)).toBeGreaterThan(1e-3);
  });

  it('are the usual ones at multiples, and where nothing is kept', async () => {
    expect(await direction(8n, 4)).toEqual(await direction(8n));
    expect(await direction(11n, 1)).toEqual(await direction(11n));
    expect(await direction(11n, 4)).not.toEqual(await direction(11n));
  });

  it.each([0, 1.5, -1, Number.NaN, '2'])('refuse keep %s', async (keep) => {
    await rejects(() => direction(0n, keep as never), 'ERR_ZEST_DIRECTIONS', /law.keep is/);
  });

  it('have a core of their own where they are those of subzero', async () => {
    const cored = (stream: bigint, rank: number, keep: number) =>
      model.direction(stream, NAME, { directions: { seed: 5, law: { lowRank: rank, keep, core: true } } });
    const [one, two, three] = [await cored(8n, 1, 4), await cored(11n, 1, 4), await cored(12n, 1, 4)];
    // Of rank one, U·Z·Bᵀ is the same matrix but for a factor.
    const factor = two[0]! / one[0]!;
    for (const j of [1, 77, 500, 3000]) expect(two[j]! / one[j]!).toBeCloseTo(factor, 3);
    expect(three[1]! / one[1]!).not.toBeCloseTo(three[0]! / one[0]!, 2);
    const v = await cored(3n, 16, 8);
    expect(v.reduce((sum, value) => sum + value * value, 0) / v.length).toBeCloseTo(1, 0);
    const optimizer = subzero({ learningRate: 1e-3, law: { lowRank: 4, keep: 6, core: true } });
    using trained = await Model.load(film, { trainable, device: 'cpu' });
    await optimizer.step(trained, batch);
    expect(trained.version).toBe(1n);
    await rejects(
      () => subzero({ learningRate: 1, law: { lowRank: 4 } }),
      'ERR_ZEST_DIRECTIONS',
      /law is \{ lowRank: 4 \}; expected \{lowRank: rank, keep: directions, core: true\}/,
    );
    await rejects(
      () => model.direction(0n, NAME, { directions: { seed: 5, law: { lowRank: 4, core: 1 as never } } }),
      'ERR_ZEST_DIRECTIONS',
      /law.core is 1; expected true or false/,
    );
  });

  it('are those of lozo, whose points and updates are of one subspace', async () => {
    const optimizer = lozo({ learningRate: 1e-3, rho: 1e-2, law: { lowRank: 1, keep: 8 }, seed: 5 });
    using trained = await Model.load(film, { trainable, device: 'cpu' });
    const before = await trained.parameter(NAME);
    for (let s = 0; s < 8; s++) await optimizer.step(trained, batch);
    const columns = model.trainableParameters.find(({ name }) => name === NAME)!.columns;
    const after = await trained.parameter(NAME);
    const rows = [3, 9].map((row) => {
      const from = row * columns;
      return Array.from(
        { length: 4 },
        (_, j) => (after[from + j]! - before[from + j]!) / (after[from]! - before[from]!),
      );
    });
    for (const [j, value] of rows[0]!.entries()) expect(value).toBeCloseTo(rows[1]![j]!, 1);
    await rejects(
      () => lozo({ learningRate: 1, law: 'gaussian' }),
      'ERR_ZEST_DIRECTIONS',
      /law is 'gaussian'; expected \{lowRank/,
    );
  });
});

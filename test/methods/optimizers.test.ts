import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { splitMix64 } from '../../lib/data/sampling.ts';
import { coefficients } from '../../lib/methods/estimators.ts';
import { defineMethod } from '../../lib/methods/method.ts';
import { mezo } from '../../lib/methods/mezo.ts';
import { nspsa } from '../../lib/methods/nspsa.ts';
import { createOptimizer } from '../../lib/methods/optimizer.ts';
import { zest } from '../../lib/methods/zest.ts';
import { populationDeviation } from '../../lib/numbers/statistics.ts';
import type { DirectionOptions, Directions, EvaluationOptions, Objective, Point, Update } from '../../lib/objective.ts';

const list = (point: Point) => (Array.isArray(point) ? point : [point]);

/** f(x) = Σ (xᵢ − i)² of a few numbers, whose directions are signs drawn for (seed, stream, i). */
const bowl = (dimension = 4) => {
  const x = new Float64Array(dimension);
  const calls: { points: readonly Point[]; options: EvaluationOptions }[] = [];
  let version = 0n;
  const objective = {
    dimension,
    get version() {
      return version;
    },
    x,
    calls,
    v: ({ seed }: Directions, stream: bigint, i: number) =>
      splitMix64(BigInt(seed) * 31n + stream * 7n + BigInt(i) * 1009n)() & 1n ? 1 : -1,
    evaluate: async (_batch: unknown, points: readonly Point[], options: EvaluationOptions = {}) => {
      options.signal?.throwIfAborted();
      expect(options.atVersion ?? version).toBe(version);
      const directions = options.directions!;
      calls.push({ points, options });
      return Float64Array.from(points, (point) =>
        x.reduce((sum, value, i) => {
          const at = list(point).reduce(
            (moved, { stream, scale }) => moved + scale * objective.v(directions, stream, i),
            value,
          );
          return sum + (at - i) ** 2;
        }, 0),
      );
    },
    apply: async ({ decay, terms }: Update, { directions }: DirectionOptions = {}) => {
      for (const i of x.keys()) {
        const step = terms.reduce(
          (sum, { stream, coefficient }) => sum + coefficient * objective.v(directions!, stream, i),
          decay * x[i]!,
        );
        x[i]! -= step;
      }
      version++;
    },
  } satisfies Objective<unknown> & Record<string, unknown>;
  return objective;
};

const OPTIONS = { learningRate: 0.05, rho: 1e-2, seed: 3 };

describe('zest', () => {
  it('asks for θ ± ρv of streams s·k …, with its directions, and applies float32(η·c)', async () => {
    const objective = bowl();
    const optimizer = zest({ ...OPTIONS, directions: 3, law: 'rademacher', tilt: { tau: 1 }, weightDecay: 0.1 });
    await optimizer.step(objective, undefined);
    const { losses, update, meanLoss, diagnostics } = await optimizer.step(objective, undefined, { microBatch: 8 });
    expect(objective.calls[1]!.options).toMatchObject({ directions: { seed: 3, law: 'rademacher' }, microBatch: 8 });
    expect(objective.calls[1]!.points).toEqual(
      [3n, 4n, 5n].flatMap((stream) => [
        { stream, scale: 1e-2 },
        { stream, scale: -1e-2 },
      ]),
    );
    const options = { rho: 1e-2, tilt: { tau: 1 }, estimator: 'naive', sides: 'two', dimension: 4 } as const;
    const { coefficients: c, meanLoss: mean, losses: _, ...scalars } = coefficients(losses, options);
    expect(meanLoss).toBe(mean);
    // Of a sphere's directions all pairs have the same mean.
    const spread = expect.closeTo(populationDeviation(c), 12);
    expect(diagnostics).toEqual({ ...scalars, coefficientSpread: spread, curvatureShare: expect.closeTo(0, 9) });
    expect(update).toEqual({
      decay: Math.fround(0.05 * 0.1),
      terms: [3n, 4n, 5n].map((stream, i) => ({ stream, coefficient: Math.fround(0.05 * c[i]!) })),
    });
    expect(objective.version).toBe(2n);
  });

  it('asks for one point a direction with sides one', async () => {
    const objective = bowl();
    await zest({ ...OPTIONS, directions: 2, sides: 'one' }).step(objective, undefined);
    expect(objective.calls[0]!.points).toEqual([
      { stream: 0n, scale: 1e-2 },
      { stream: 1n, scale: 1e-2 },
    ]);
  });

  it('works alone with an objective that can say so', async () => {
    const objective = bowl();
    const order: string[] = [];
    const alone: Objective<unknown> = {
      dimension: 4,
      version: 0n,
      evaluate: (batch, points, options) => {
        order.push('evaluate');
        return objective.evaluate(batch, points, options);
      },
      apply: async () => void order.push('apply'),
    };
    const locked = Object.assign(bowl(), {
      exclusively: async <T>(work: (alone: Objective<unknown>) => Promise<T>): Promise<T> => {
        order.push('alone');
        const result = await work(alone);
        order.push('over');
        return result;
      },
    });
    await zest(OPTIONS).step(locked, undefined);
    expect(order).toEqual(['alone', 'evaluate', 'apply', 'over']);
    expect(locked.calls).toEqual([]);
  });

  it('reaches the bottom of a bowl, at any tilt', async () => {
    for (const tilt of [0, 1, { tau: 1 }, { effectiveSampleSize: 0.5 }, { klRadius: 0.1 }]) {
      const objective = bowl();
      const optimizer = zest({ ...OPTIONS, tilt, schedule: 'cosine', totalSteps: 400 });
      for (let i = 0; i < 400; i++) await optimizer.step(objective, undefined);
      for (const [i, value] of objective.x.entries()) expect(value).toBeCloseTo(i, 1);
    }
  });

  it('says the learning rate of the next step', async () => {
    const objective = bowl();
    const optimizer = zest({ ...OPTIONS, learningRate: 2, schedule: 'linear', warmupSteps: 2, totalSteps: 4 });
    const rates: number[] = [];
    for (let i = 0; i < 4; i++) {
      rates.push(optimizer.learningRate);
      await optimizer.step(objective, undefined);
    }
    expect(rates).toEqual([1, 2, 2, 1]);
  });

  it('takes steps one after another, however they are called', async () => {
    const [one, all] = [bowl(), bowl()];
    const sequential = zest(OPTIONS);
    for (let i = 0; i < 5; i++) await sequential.step(one, undefined);
    const concurrent = zest(OPTIONS);
    await Promise.all(Array.from({ length: 5 }, () => concurrent.step(all, undefined)));
    expect(all.x).toEqual(one.x);
  });

  it('goes on from its state, through JSON, with the same bits', async () => {
    const [whole, parts] = [bowl(), bowl()];
    const options = {
      ...OPTIONS,
      schedule: 'cosine' as const,
      totalSteps: 10,
      seed: 2n ** 64n - 1n,
      law: { lowRank: 2 },
    };
    const uninterrupted = zest(options);
    for (let i = 0; i < 10; i++) await uninterrupted.step(whole, undefined);
    const first = zest(options);
    for (let i = 0; i < 4; i++) await first.step(parts, undefined);
    const second = zest(options);
    second.restore(JSON.parse(JSON.stringify(first.state())));
    expect(second.learningRate).toBe(first.learningRate);
    for (let i = 4; i < 10; i++) await second.step(parts, undefined);
    expect(parts.x).toEqual(whole.x);
    expect(second.state()).toEqual(uninterrupted.state());
  });

  it('gives a state that whoever has it may change', async () => {
    const valuesWith = async (change: (state: Record<string, unknown>) => void) => {
      const { svrg, vectorObjective } = await import('../../lib/index.ts');
      const bowl = vectorObjective(([x = 0]) => x * x, [1]);
      const optimizer = svrg({ learningRate: 0.1, interval: 3 });
      for (let step = 0; step < 4; step++) {
        await optimizer.step(bowl);
        change(optimizer.state());
      }
      return bowl.x;
    };
    const cleared = await valuesWith(({ estimate, moved }) => {
      for (const list of [estimate, moved] as unknown[][]) list.length = 0;
    });
    expect(cleared).toEqual(await valuesWith(() => {}));
  });

  it('refuses the state of another optimizer', () => {
    const state = zest(OPTIONS).state();
    const refused = (message: string, change: object, options = {}) =>
      expect(() => zest({ ...OPTIONS, ...options }).restore({ ...state, ...change })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_OPTION', message: expect.stringContaining(message) }),
      );
    refused('directions of the state is 5; expected 4', {}, { directions: 4 });
    refused('seed of the state is "3"; expected "4"', {}, { seed: 4 });
    refused('law of the state is "gaussian"; expected "sphere"', {}, { law: 'sphere' });
    refused('method of the state is "mezo"; expected "zest"', { method: 'mezo' });
    refused('step of the state is -1; expected a whole number', { step: -1 });
  });

  it('that failed or was aborted has not happened', async () => {
    const objective = bowl();
    const expected = bowl();
    const optimizer = zest(OPTIONS);
    await zest(OPTIONS).step(expected, undefined);
    const reason = new Error('enough');
    await expect(optimizer.step(objective, undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const { evaluate } = objective;
    objective.evaluate = async (...args) => (await evaluate(...args)).fill(Number.NaN, 3, 4);
    await expect(optimizer.step(objective, undefined)).rejects.toMatchObject({
      code: 'ERR_ZEST_LOSS_NOT_FINITE',
      message: 'the loss at stream 1, scale -0.01 is NaN',
    });
    expect(objective.version).toBe(0n);
    objective.evaluate = evaluate;
    await optimizer.step(objective, undefined);
    expect(objective.x).toEqual(expected.x);
  });

  it.each([
    [{ learningRate: Number.NaN }, 'ERR_ZEST_OPTION'],
    [{ learningRate: undefined as unknown as number }, 'ERR_ZEST_OPTION'],
    [{ weightDecay: -1 }, 'ERR_ZEST_OPTION'],
    [{ directions: 0 }, 'ERR_ZEST_DIRECTIONS'],
    [{ directions: 1.5 }, 'ERR_ZEST_DIRECTIONS'],
    [{ rho: 0 }, 'ERR_ZEST_RHO'],
    [{ tilt: Number.NaN }, 'ERR_ZEST_TILT'],
    [{ estimator: 'best' as 'naive' }, 'ERR_ZEST_ESTIMATOR'],
    [{ sides: 'one' as const, estimator: 'beale' as const }, 'ERR_ZEST_ESTIMATOR'],
    [{ schedule: 'linear' as const }, 'ERR_ZEST_OPTION'],
  ])('refuses %o', (options, code) => {
    expect(() => zest({ ...OPTIONS, ...options })).toThrow(expect.objectContaining({ code }));
  });
});

describe('mezo', () => {
  it('is zest at tilt 0 with one direction: (f⁺ − f⁻)/(2ρ)', async () => {
    const [one, other] = [bowl(), bowl()];
    const optimizer = mezo(OPTIONS);
    const tilted = zest({ ...OPTIONS, tilt: 0, directions: 1 });
    for (let i = 0; i < 3; i++) {
      const { losses, update } = await optimizer.step(one, undefined);
      expect(losses).toHaveLength(2);
      expect(update.terms[0]!.coefficient).toBe(Math.fround((0.05 * (losses[0]! - losses[1]!)) / (2 * 1e-2)));
      await tilted.step(other, undefined);
    }
    expect(one.x).toEqual(other.x);
  });

  it('averages several directions', async () => {
    const { losses, update } = await mezo({ ...OPTIONS, directions: 4 }).step(bowl(), undefined);
    for (const [i, { coefficient }] of update.terms.entries()) {
      const c = (losses[2 * i]! - losses[2 * i + 1]!) / (8 * 1e-2);
      expect(coefficient).toBe(Math.fround(0.05 * c));
    }
  });
});

describe('nspsa', () => {
  it('is mezo with five directions, to the bit', async () => {
    const [one, other] = [bowl(), bowl()];
    const [optimizer, plain] = [nspsa(OPTIONS), mezo({ ...OPTIONS, directions: 5 })];
    for (let i = 0; i < 3; i++) {
      expect((await optimizer.step(one, undefined)).update).toEqual((await plain.step(other, undefined)).update);
    }
    expect(one.x).toEqual(other.x);
    expect([optimizer.method, optimizer.forwards, plain.forwards]).toEqual(['nspsa', 10, 10]);
  });
});

describe('a method of one’s own', () => {
  /** One-sided differences with a second round: a point twice as far, where the first was worse. */
  const careful = defineMethod({
    name: 'careful',
    title: 'Careful',
    options: { rho: z.number().positive().default(1e-2) },
    streams: () => 1,
    forwards: () => 3,
    initialState: () => ({ worst: 0 }),
    diagnostics: { worst: { title: 'Worst', words: 'The worst loss so far.' } },
    *estimate({ rho }, { streams, state }) {
      const stream = streams[0]!;
      const near: Float64Array = yield [[], { stream, scale: rho }];
      const [at, ahead] = [near[0]!, near[1]!];
      const further: Float64Array = yield [{ stream, scale: 2 * rho }];
      const far = further[0]!;
      const worst = Math.max(state.worst as number, at, ahead, far);
      const terms = [{ stream, coefficient: (-3 * at + 4 * ahead - far) / (2 * rho) }];
      return { terms, meanLoss: at, diagnostics: { worst }, state: { worst } };
    },
  });

  it('may ask twice, keep a state, and go on from it', async () => {
    const [whole, parts] = [bowl(), bowl()];
    const uninterrupted = createOptimizer(careful, OPTIONS);
    for (let i = 0; i < 6; i++) await uninterrupted.step(whole, undefined);
    const first = createOptimizer(careful, OPTIONS);
    for (let i = 0; i < 3; i++) await first.step(parts, undefined);
    expect(first.state()).toMatchObject({ method: 'careful', step: 3, directions: 1, worst: expect.any(Number) });
    const second = createOptimizer(careful, OPTIONS);
    second.restore(JSON.parse(JSON.stringify(first.state())));
    for (let i = 3; i < 6; i++) await second.step(parts, undefined);
    expect(parts.x).toEqual(whole.x);
    expect(second.state()).toEqual(uninterrupted.state());
    expect(whole.calls.map(({ points }) => points.length)).toEqual(Array(6).fill([2, 1]).flat());
  });

  it('reaches the bottom of a bowl', async () => {
    const objective = bowl();
    const optimizer = createOptimizer(careful, { ...OPTIONS, schedule: 'cosine', totalSteps: 600 });
    for (let i = 0; i < 600; i++) await optimizer.step(objective, undefined);
    for (const [i, value] of objective.x.entries()) expect(value).toBeCloseTo(i, 1);
  });

  it('checks its options by its schema', () => {
    expect(() => createOptimizer(careful, { ...OPTIONS, rho: -1 })).toThrow('rho is -1; expected a number > 0');
    expect(() => createOptimizer(careful, { lerningRate: 1 } as never)).toThrow(
      'lerningRate is not known (did you mean learningRate?); expected one of rho, learningRate,',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { coefficients } from '../../lib/coefficients.ts';
import { splitMix64 } from '../../lib/data/sampling.ts';
import type { Directions, Objective, Point, StepOptions, StepResult, Update } from '../../lib/objective.ts';
import { mezo } from '../../lib/optimizers/mezo.ts';
import { zest } from '../../lib/optimizers/zest.ts';

const list = (point: Point) => (Array.isArray(point) ? point : [point]);

/** f(x) = Σ (xᵢ − i)² of a few numbers, whose directions are signs drawn for (seed, stream, i). */
const bowl = (dimension = 4) => {
  const x = new Float64Array(dimension);
  const calls: { points: readonly Point[] }[] = [];
  let version = 0n;
  const objective = {
    dimension,
    get version() {
      return version;
    },
    directions: { seed: 0, law: 'gaussian' } as Directions,
    x,
    calls,
    v: (stream: bigint, i: number) =>
      splitMix64(BigInt(objective.directions.seed) * 31n + stream * 7n + BigInt(i) * 1009n)() & 1n ? 1 : -1,
    evaluate: async (
      _batch: unknown,
      points: readonly Point[],
      options: { atVersion?: bigint; signal?: AbortSignal } = {},
    ) => {
      options.signal?.throwIfAborted();
      expect(options.atVersion ?? version).toBe(version);
      calls.push({ points });
      return Float64Array.from(points, (point) =>
        x.reduce((sum, value, i) => {
          const at = list(point).reduce((moved, { stream, scale }) => moved + scale * objective.v(stream, i), value);
          return sum + (at - i) ** 2;
        }, 0),
      );
    },
    apply: async ({ decay, terms }: Update) => {
      for (const i of x.keys()) {
        const step = terms.reduce(
          (sum, { stream, coefficient }) => sum + coefficient * objective.v(stream, i),
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
  it('sets the directions, asks for θ ± ρv of streams s·k …, and applies float32(η·c)', async () => {
    const objective = bowl();
    const optimizer = zest({ ...OPTIONS, directions: 3, law: 'rademacher', tilt: { tau: 1 }, weightDecay: 0.1 });
    await optimizer.step(objective, undefined);
    const result = await optimizer.step(objective, undefined);
    expect(objective.directions).toEqual({ seed: 3, law: 'rademacher' });
    expect(objective.calls[1]!.points).toEqual(
      [3n, 4n, 5n].flatMap((stream) => [
        { stream, scale: 1e-2 },
        { stream, scale: -1e-2 },
      ]),
    );
    const options = { rho: 1e-2, tilt: { tau: 1 }, estimator: 'naive', sides: 'two', dimension: 4 } as const;
    expect(result).toMatchObject(coefficients(result.losses, options));
    expect(result.update).toEqual({
      decay: Math.fround(0.05 * 0.1),
      terms: [3n, 4n, 5n].map((stream, i) => ({ stream, coefficient: Math.fround(0.05 * result.coefficients[i]!) })),
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

  it('uses the objective’s own step where there is one, with everything it was given', async () => {
    const objective = bowl();
    const steps: StepOptions[] = [];
    const fused = Object.assign(objective, {
      step: async (_batch: unknown, options: StepOptions) => {
        steps.push(options);
        return {} as StepResult;
      },
    });
    const optimizer = zest({ ...OPTIONS, normalize: 'sigma', schedule: 'linear', totalSteps: 4, estimator: 'beale' });
    const { signal } = new AbortController();
    for (let i = 0; i < 2; i++) await optimizer.step(fused, undefined, { signal, microBatch: 8 });
    expect(objective.calls).toEqual([]);
    expect(steps[1]).toEqual({
      directions: 5,
      firstStream: 5n,
      rho: 1e-2,
      tilt: 1,
      estimator: 'beale',
      sides: 'two',
      normalize: 'sigma',
      dimension: 4,
      learningRate: 0.05 * 0.75,
      weightDecay: 0,
      microBatch: 8,
      signal,
    });
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

  it('refuses the state of another optimizer', () => {
    const state = zest(OPTIONS).state();
    const refused = (message: string, change: object, options = {}) =>
      expect(() => zest({ ...OPTIONS, ...options }).restore({ ...state, ...change })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_OPTION', message: expect.stringContaining(message) }),
      );
    refused('directions 5, this one has 4', {}, { directions: 4 });
    refused('seed "3", this one has "4"', {}, { seed: 4 });
    refused('law "gaussian", this one has "sphere"', {}, { law: 'sphere' });
    refused('step must be a whole number', { step: -1 });
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
      const { losses, coefficients: c } = await optimizer.step(one, undefined);
      expect(losses).toHaveLength(2);
      expect(c[0]).toBe((losses[0]! - losses[1]!) / (2 * 1e-2));
      await tilted.step(other, undefined);
    }
    expect(one.x).toEqual(other.x);
  });

  it('averages several directions', async () => {
    const { losses, coefficients: c } = await mezo({ ...OPTIONS, directions: 4 }).step(bowl(), undefined);
    for (const [i, value] of c.entries()) expect(value).toBe((losses[2 * i]! - losses[2 * i + 1]!) / (8 * 1e-2));
  });
});

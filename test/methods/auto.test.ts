import { describe, expect, it } from 'vitest';
import { auto, blackBox, Model, vectorObjective, ZestError } from '../../lib/index.ts';
import { autoMethod } from '../../lib/methods/auto.ts';
import type { MethodState } from '../../lib/methods/method.ts';
import { estimateStep, streamsFrom } from '../../lib/methods/run-step.ts';
import { curvatureShare } from '../../lib/methods/zest.ts';
import { mean } from '../../lib/numbers/statistics.ts';
import type { Point } from '../../lib/objective.ts';
import { add, combine, dot, drive, filled, type Vector } from './drive.ts';

/** Standard normal numbers of a seed: mulberry32 and Box-Muller. */
const gaussian = (seed: number) => {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 1) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
};

const DIMENSION = 40;
const EIGENVALUES: Vector = Array.from({ length: DIMENSION }, (_, j) => (j === 0 ? 30 : j < 5 ? 5 : 0.5));
const TRACE = EIGENVALUES.reduce((a, b) => a + b, 0);
const NORM = Math.hypot(...EIGENVALUES);
const STEPS = 400;

const HEIGHT = 5;

/** Σ qⁿ⁻ⁱxᵢ / Σ qⁿ⁻ⁱ. */
const recentMean = (values: readonly number[], q: number) => {
  const weights = values.map((_, i) => q ** (values.length - 1 - i));
  return dot(weights, values) / weights.reduce((a, b) => a + b, 0);
};

/**
 * What the method says at one place of height + ½Σλx² + gᵀx, each half of a batch with a gradient noise of its own. The
 * smaller g and ρ (scale), the nearer is the mean of a step's losses to the height; bend is a factor of all curvature.
 */
const measured = (
  noise: number,
  {
    height = () => HEIGHT,
    bend = () => 1,
    scale = 1,
  }: Partial<Record<'height' | 'bend', (step: number) => number>> & {
    scale?: number;
  } = {},
) => {
  const draw = gaussian(11);
  const g: Vector = Array.from({ length: DIMENSION }, () => draw() * 3 * scale);
  const options = filled(autoMethod, { rho: 1e-2 * scale, directions: 8, totalSteps: STEPS });
  let state = autoMethod.initialState!(options as never);
  const seen: Record<string, number>[] = [];
  const seconds: number[] = [];
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const v = Array.from({ length: 8 }, () => g.map(draw));
    const gradients = [0, 1].map(() => g.map((value) => value + scale * noise * draw()));
    const f = (x: Vector, gradient: Vector) =>
      x.reduce((sum, value, j) => sum + 0.5 * bend(step) * EIGENVALUES[j]! * value ** 2, height(step)) +
      dot(gradient, x);
    const at = (point: Point): Vector =>
      [point].flat().reduce((x: Vector, term) => {
        if (!('stream' in term)) throw new Error('no stream');
        return add(x, term.scale, v[Number(term.stream)]!);
      }, Array(DIMENSION).fill(0));
    const rounds = autoMethod.estimate(options as never, {
      streams: streamsFrom(0n, 8),
      dimension: DIMENSION,
      state,
      learningRate: 1,
    });
    const asked = rounds.next().value as { points: readonly Point[] };
    const answer = gradients.flatMap((gradient) => asked.points.map((point) => f(at(point), gradient)));
    const result = rounds.next(Float64Array.from(answer));
    if (!result.done) throw new Error('another round');
    state = result.value.state!;
    if (asked.points.length > 8) seconds.push(v[0]!.reduce((sum, z, j) => sum + EIGENVALUES[j]! * z ** 2, 0));
    losses.push(result.value.meanLoss);
    const coefficients = result.value.terms.map(({ coefficient }) => coefficient);
    const length = Math.hypot(...coefficients);
    if (step % 20 === 19)
      seen.push({ ...result.value.diagnostics, seconds: seconds.length, level: recentMean(losses, 0.95), length });
  }
  const of = (name: string) => mean(seen.map((one) => one[name]!));
  return { of, seen, seconds, signal: dot(g, g) / (dot(g, g) + (DIMENSION * noise ** 2) / 2) };
};

describe('the curvature share of pairs', () => {
  it('is ρ‖H‖/(√2‖g‖) of a loss of second order', () => {
    const draw = gaussian(3);
    const g: Vector = EIGENVALUES.map(() => draw() * 3);
    const rho = 0.05;
    const losses = Array.from({ length: 20_000 }, () => g.map(draw)).flatMap((v) =>
      [rho, -rho].map((scale) =>
        v.reduce((f, z, j) => f + scale * g[j]! * z + (EIGENVALUES[j]! * (scale * z) ** 2) / 2, 0),
      ),
    );
    const expected = (rho * NORM) / (Math.SQRT2 * Math.hypot(...g));
    expect(curvatureShare(Float64Array.from(losses)) / expected).toBeCloseTo(1, 1);
  });
});

describe('auto', () => {
  it('measures the trace and the norm of the Hessian', () => {
    const { of } = measured(0);
    // Means over all of the 100 pairs of 400 steps, more or less: the standard error is √2‖H‖/√100 = 4.5.
    expect(Math.abs(of('trace') - TRACE)).toBeLessThan(3 * 4.5);
    expect(of('curvatureNorm') / NORM).toBeGreaterThan(0.75);
    expect(of('curvatureNorm') / NORM).toBeLessThan(1.25);
  });

  it.each([0, 1, 3])('measures the share of signal at a noise of %s', (noise) => {
    const { of, signal } = measured(noise);
    expect(Math.abs(of('signal') - signal)).toBeLessThan(0.08);
  });

  it('steps as far as the noise of all steps costs a twentieth of the loss, where nothing is gained', () => {
    const { seen, seconds } = measured(2, { scale: 0.01 });
    for (const one of seen) {
      const pairs = seconds.slice(0, one.seconds);
      const weights = pairs.map((_, i) => 0.98 ** (pairs.length - 1 - i));
      const error = Math.sqrt(
        recentMean(
          pairs.map((value) => value ** 2),
          0.98,
        ) / weights.reduce((a, b) => a + b, 0),
      );
      const rate = Math.sqrt((6 * 0.05 * one.level! * 8) / (STEPS * (recentMean(pairs, 0.98) + error)));
      expect(one.measuredRate! / rate).toBeCloseTo(1, 4);
      // Coefficients (fᵢ − f̄)/(kσ), σ² over k − 1.
      expect((one.length! / one.measuredRate!) * 8).toBeCloseTo(Math.sqrt(8 - 1), 9);
    }
  });

  it('spends more of what was gained, of which a fall within the noise is none', () => {
    const rateOf = (height: (step: number) => number, bend?: (step: number) => number) =>
      measured(2, { height, bend, scale: 0.1 }).seen.at(-1)!.measuredRate!;
    const fallsFrom =
      (before: number, until = 60) =>
      (step: number) =>
        step < until ? before : 3;
    const constant = rateOf(() => 3) ** 2;
    const times = (budget: number) => budget / (0.05 * 3);
    // The fall itself is forgotten by the end.
    expect(rateOf(fallsFrom(3.4)) ** 2 / constant / times(0.05 * 3 + 4 * 0.4)).toBeCloseTo(1, 1);
    expect(rateOf(fallsFrom(5)) ** 2 / constant / times(2 * 3)).toBeCloseTo(1, 2);
    expect(rateOf(fallsFrom(2)) ** 2 / constant).toBeCloseTo(1, 2);
    // Nor is a fall where the loss is not convex.
    const bend = (step: number) => (step < 60 ? -1 : 1);
    expect(rateOf(fallsFrom(3.4, 20), bend) / rateOf(() => 3, bend)).toBeLessThan(1.1);
  });

  it('loses no more than that where there is nothing but noise to learn', () => {
    const draw = gaussian(5);
    const curve = (x: Vector) => x.reduce((sum, value, j) => sum + 0.5 * EIGENVALUES[j]! * value ** 2, 0);
    const steps = 60;
    const costs = Array.from({ length: 60 }, () => {
      let x: Vector = EIGENVALUES.map(() => 0);
      let state: MethodState | undefined;
      for (let step = 0; step < steps; step++) {
        const v = Array.from({ length: 8 }, () => x.map(draw));
        const noise = x.map(() => 100 * draw());
        const from = x;
        const { terms, ...result } = drive(
          autoMethod,
          { rho: 3e-4, directions: 8, totalSteps: steps, learningRate: 1 },
          {
            f: (at) => HEIGHT + curve(at) + dot(noise, add(at, -1, from)),
            x,
            v: (stream) => v[Number(stream) % 8]!,
          },
          { step, state },
        );
        state = result.state;
        const rate = 1 - step / steps;
        x = add(
          x,
          -rate,
          combine(
            terms.map(({ coefficient }) => coefficient),
            v,
          ),
        );
      }
      return curve(x) / (0.05 * HEIGHT);
    });
    // The first steps are shorter, by the standard error of the trace.
    expect(mean(costs)).toBeGreaterThan(0.4);
    expect(mean(costs)).toBeLessThan(1);
  });

  it('refuses a loss below the lowest there can be, and takes one that is said', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    const below = () => vectorObjective(([x = 0]) => x * x - 10, [1]);
    await expect(auto({ totalSteps: 5 }).step(below())).rejects.toThrow(/lowestLoss is 0, and the loss is -8\.9/);
    const objective = below();
    const optimizer = auto({ totalSteps: 200, lowestLoss: -10 });
    for (let step = 0; step < 200; step++) await optimizer.step(objective);
    expect(Math.abs(objective.x[0]!)).toBeLessThan(0.05);
    const told = Object.assign(below(), { lowestLoss: -10 });
    const asking = auto({ totalSteps: 200 });
    for (let step = 0; step < 200; step++) await asking.step(told);
    expect(told.x).toEqual(objective.x);
  });

  it('takes short steps where a loss is flat until an answer turns, for such pairs say little', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    /** Minus the share of the numbers above 0, as an accuracy is: some are near it. */
    const answers = (x: Float64Array) => -x.filter((value) => value > 0).length / x.length;
    const moved: number[] = [];
    for (let seed = 0; seed < 20; seed++) {
      const start = Array.from({ length: 8 }, (_, i) => (i === 0 ? 2e-3 : 1));
      const objective = vectorObjective((x) => answers(x), start);
      const optimizer = auto({ totalSteps: 40, rho: 1e-3, lowestLoss: -1, seed });
      for (let step = 0; step < 40; step++) await optimizer.step(objective);
      moved.push(Math.max(...objective.x.map((value, i) => Math.abs(value - start[i]!))));
    }
    // A step of 100 ρ, as of a loss without curvature, moves each number by 0.1.
    expect(Math.max(...moved)).toBeGreaterThan(0);
    expect(Math.max(...moved)).toBeLessThan(0.01);
  });

  it('does not take a smooth loss for a flat one where losses are the same by chance, or directions', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    const bowl = (x: Float64Array) => x.reduce((sum, value, i) => sum + (i + 1) * value * value, 0);
    const lossAfter = async (of: (x: Float64Array) => number, dimension: number, law: 'gaussian' | 'rademacher') => {
      const objective = vectorObjective(
        of,
        Array.from({ length: dimension }, (_, i) => 3 + i),
      );
      const optimizer = auto({ totalSteps: 100, law });
      for (let step = 0; step < 100; step++) await optimizer.step(objective);
      return bowl(objective.x);
    };
    // Two signs have four directions.
    expect(await lossAfter(bowl, 2, 'rademacher')).toBeLessThan(1e-3);
    expect(await lossAfter((x) => Math.fround(bowl(x)), 12, 'gaussian')).toBeLessThan(
      2 * (await lossAfter(bowl, 12, 'gaussian')),
    );
  });

  it('takes losses that differ by how they were added up for the same', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    let calls = 0;
    const level = vectorObjective(() => 0.3 + (calls++ % 3) * 5e-17, [1, 2]);
    const optimizer = auto({ totalSteps: 30 });
    for (let step = 0; step < 30; step++) await optimizer.step(level);
    expect([...level.x]).toEqual([1, 2]);
  });

  it('asks the objective that it was given, and refuses what is no number', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    const inner = vectorObjective(([x = 0]) => x * x - 1, [1e-3]);
    const wrapped = {
      ...inner,
      dimension: 1,
      lowestLoss: -1,
      exclusively: <T>(work: (alone: typeof inner) => T) => work(inner),
    };
    await expect(auto({ totalSteps: 5 }).step(wrapped as never)).resolves.toBeDefined();
    for (const lowestLoss of [Number.NaN, Number.POSITIVE_INFINITY, '-1', true, 5n]) {
      const bad = Object.assign(
        vectorObjective(([x = 0]) => x * x, [1]),
        { lowestLoss },
      );
      await expect(auto({ totalSteps: 5 }).step(bad as never)).rejects.toThrow(/^lowestLoss of the objective is/);
    }
  });

  it('stays where the loss is the lowest there can be, to rounding', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    const level = vectorObjective(() => -1, [1, 2]);
    const optimizer = auto({ totalSteps: 30, lowestLoss: -1 });
    for (let step = 0; step < 30; step++) await optimizer.step(level);
    expect([...level.x]).toEqual([1, 2]);
    const tenths = vectorObjective(() => Math.fround(-0.1), [1, 2]);
    const bounded = auto({ totalSteps: 30, lowestLoss: -0.1 });
    for (let step = 0; step < 30; step++) await bounded.step(tenths);
    expect([...tenths.x]).toEqual([1, 2]);
  });

  it('looks at no point twice, be it of one example or of a loss for the whole batch', async () => {
    let seen = 0;
    const boxOf = (losses: (x: number) => number | number[]) =>
      blackBox({
        parameters: { x: [1] },
        evaluate: ({ x: [x = 0] }) => {
          seen++;
          return losses(x);
        },
      });
    const points = async (losses: (x: number) => number | number[]) => {
      const [box, optimizer] = [boxOf(losses), auto({ totalSteps: 8 })];
      seen = 0;
      for (let step = 0; step < 4; step++) await optimizer.step(box);
      return seen;
    };
    const pairs = await points((x) => [x * x, 2 * x * x]);
    expect(await points((x) => [x * x])).toBe(pairs);
    // One to see that there are no losses of examples.
    expect(await points((x) => x * x)).toBe(pairs + 1);
  });

  it('goes on from its state with the same steps', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    const bowl = () => vectorObjective(([x = 0, y = 0]) => x * x + 10 * y * y, [3, 4]);
    const [whole, resumed] = [bowl(), bowl()];
    const first = auto({ totalSteps: 20 });
    for (let step = 0; step < 20; step++) await first.step(whole);
    const second = auto({ totalSteps: 20 });
    for (let step = 0; step < 12; step++) await second.step(resumed);
    const third = auto({ totalSteps: 20 });
    third.restore(JSON.parse(JSON.stringify(second.state())));
    for (let step = 12; step < 20; step++) await third.step(resumed);
    expect(resumed.x).toEqual(whole.x);
  });

  it('asks a model for the losses of the halves of a batch', async () => {
    using model = await Model.load('film-roberta-mini');
    const sequences = [1, 2, 3, 4, 5].map((i) => [0, 100 + i, 200 + i, 4, 2]);
    const target = { kind: 'labelWords' as const, position: 3, words: [372, 1099], label: 0 };
    const batch = { sequences, targets: sequences.map(() => target) };
    const asking = {
      ...autoMethod,
      *estimate() {
        const losses: Float64Array = yield { points: [[], { stream: 1n, scale: 1e-2 }], of: 'halves' };
        return { terms: [], meanLoss: 0, diagnostics: {}, state: { losses: [...losses] } };
      },
    };
    const call = { directions: { seed: 0, law: 'gaussian' as const }, firstStream: 0n, state: {} };
    const { losses } = await estimateStep(model, batch, asking as never, { directions: 2 }, call);
    const parts = [sequences.slice(0, 2), sequences.slice(2)].map((some) => ({
      sequences: some,
      targets: some.map(() => target),
    }));
    const expected: number[] = [];
    for (const part of parts) {
      expected.push(
        ...(await model.evaluate(part, [[], { stream: 1n, scale: 1e-2 }], { directions: call.directions })),
      );
    }
    expect([...losses]).toEqual(expected.map((loss) => expect.closeTo(loss, 12)));
  });

  it('has no step where a loss has no spread, and is refused what it cannot do', async () => {
    const { vectorObjective } = await import('../../lib/index.ts');
    const flat = vectorObjective(() => 2, [1, 1]);
    await auto({ totalSteps: 5 }).step(flat);
    expect([...flat.x]).toEqual([1, 1]);
    expect(() => auto({ directions: 1, totalSteps: 5 })).toThrow(ZestError);
    expect(() => auto({})).toThrow(/totalSteps/);
  });
});

it('decays the weights by the rate that it measures', async () => {
  const bowl = vectorObjective(([x, y]) => 1 + x! * x! + y! * y!, [3, 4]);
  const { update, diagnostics } = await auto({ weightDecay: 0.1, totalSteps: 100 }).step(bowl);
  expect(diagnostics.measuredRate).toBeGreaterThan(0);
  expect(update.decay).toBe(Math.fround(0.1 * diagnostics.measuredRate!));
});

it('trains a black box that has one loss for a whole batch, at its cost', async () => {
  let calls = 0;
  const box = blackBox({
    parameters: { w: Float32Array.of(3, 4) },
    evaluate: ({ w }) => {
      calls++;
      return w!.reduce((sum, value) => sum + value * value, 0);
    },
  });
  const optimizer = auto({ totalSteps: 40, directions: 4 });
  for (let step = 0; step < 40; step++) await optimizer.step(box, undefined);
  // The first step finds out.
  expect(calls).toBe(1 + 10 * 6 + 30 * 4);
  expect(Math.hypot(...(await box.parameter('w')))).toBeLessThan(4); // 5 at the start
});

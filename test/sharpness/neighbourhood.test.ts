import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverageOfMaximum, deviation } from '../../lib/numbers/statistics.ts';
import type { Objective } from '../../lib/objective.ts';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { hessianTrace, quadraticForm } from '../../lib/sharpness/curvature.ts';
import { measuredAlong } from '../../lib/sharpness/measured-along.ts';
import { neighbourhood } from '../../lib/sharpness/neighbourhood.ts';
import { rejects } from '../fixtures/rejects.ts';
import { diagonal, quadratic } from './quadratic.ts';

const VALUES = [5, -2, 0.5, 0, 3, 1, 1];
const TRACE = 8.5;

describe('neighbourhood', () => {
  it('of a quadratic under Rademacher directions: every pair has the mean f + ρ²/2·tr H', async () => {
    const objective = quadratic(diagonal(VALUES), { law: 'rademacher', b: VALUES, c: 2 });
    const { loss, radii } = await neighbourhood(objective, undefined, { radii: [0.1, 1], samples: 5 });
    expect(loss).toBe(2);
    for (const { radius, length, mean, increase, losses, maximum, deviation: spread, notFinite } of radii) {
      expect(length).toBe(radius * Math.sqrt(7));
      expect(increase!.value).toBeCloseTo((radius ** 2 / 2) * TRACE, 12);
      expect(increase!.standardError).toBeLessThan(1e-14);
      expect(mean!.value).toBeCloseTo(2 + (radius ** 2 / 2) * TRACE, 12);
      expect(losses).toHaveLength(10);
      expect(maximum).toEqual({ value: Math.max(...losses), coverage: coverageOfMaximum(5) });
      expect(spread!.value).toBeCloseTo(deviation(losses), 14);
      expect(notFinite).toBe(0);
    }
    expect(radii.map(({ radius }) => radius)).toEqual([Math.fround(0.1), 1]);
  });

  it('along other directions is that of an objective that has them, where a call leaves them out by name too', async () => {
    const along = measuredAlong(quadratic(diagonal(VALUES), { law: 'rademacher' }), { seed: 7, law: 'gaussian' });
    const own = quadratic(diagonal(VALUES), { seed: 7, law: 'gaussian' });
    const options = { radii: [0.1], samples: 5 };
    expect(await neighbourhood(along, undefined, options)).toEqual(await neighbourhood(own, undefined, options));
    const point = { stream: 1n, scale: 0.1 };
    expect(await along.evaluate(undefined, [point], { directions: undefined })).toEqual(
      await own.evaluate(undefined, [point]),
    );
  });

  it('of a linear function: no increase, and the deviation ρ‖b‖', async () => {
    const b = Array.from({ length: 40 }, (_, i) => Math.cos(i));
    const norm = Math.hypot(...b);
    const objective = quadratic(diagonal(b.map(() => 0)), { b });
    const { radii } = await neighbourhood(objective, undefined, { radii: [0.5], samples: 400 });
    const { increase, deviation: spread } = radii[0]!;
    expect(Math.abs(increase!.value)).toBeLessThan(1e-14);
    expect(spread!.low).toBeLessThan(0.5 * norm);
    expect(spread!.high).toBeGreaterThan(0.5 * norm);
    expect(spread!.value / (0.5 * norm)).toBeCloseTo(1, 1);
  });

  it('takes the same directions at every radius, both ways, from streams of its own', async () => {
    const seen: number[] = [];
    const objective = vectorObjective(
      ([x]) => {
        seen.push(x!);
        return 0;
      },
      [0],
    );
    await neighbourhood(objective, undefined, { radii: [1, 2], samples: 2 });
    const [zero, a, minusA, b, minusB, ...doubled] = seen;
    expect([zero, minusA, minusB]).toEqual([0, -a!, -b!]);
    expect(doubled).toEqual([2 * a!, -2 * a!, 2 * b!, -2 * b!]);
    const [v] = await objective.direction(2n ** 62n);
    expect(a).toBe(v);
    seen.length = 0;
    await neighbourhood(objective, undefined, { radii: [1], samples: 2, firstStream: 2n ** 62n + 1n });
    expect(seen[1]).toBe(b);
  });

  it('averages batches with the weight of their sequences', async () => {
    const objective: Objective<{ sequences: number[] }> = {
      dimension: 1,
      version: 0n,
      evaluate: async ({ sequences }, points) => Float64Array.from(points, () => sequences[0]!),
      apply: async () => {},
    };
    const { loss } = await neighbourhood(objective, [{ sequences: [1, 1, 1] }, { sequences: [5] }], { samples: 2 });
    expect(loss).toBe(2);
  });

  it('reports losses that are not finite, and gives no mean over the others', async () => {
    const objective = vectorObjective(([x]) => (Math.abs(x!) > 10 ? Number.POSITIVE_INFINITY : x! * x!), [0]);
    const { radii } = await neighbourhood(objective, undefined, { radii: [0.1, 20], samples: 16 });
    expect(radii[0]).toMatchObject({ notFinite: 0 });
    const { losses, notFinite, ...far } = radii[1]!;
    expect(far).toMatchObject({ mean: null, increase: null, deviation: null, maximum: null });
    expect(notFinite).toBeGreaterThan(0);
    expect(losses.filter(Number.isNaN)).toHaveLength(notFinite);
    expect(losses).toHaveLength(32);
    const nowhere = vectorObjective(() => Number.NaN, [0]);
    await rejects(() => neighbourhood(nowhere, undefined), 'ERR_ZEST_LOSS_NOT_FINITE', /x itself/);
  });

  it('weighs batches that are lists by their examples, and refuses a loss of one’s own at θ that is no number', async () => {
    const of = (evaluate: (batch: number[], points: number) => number): Objective<number[]> => ({
      dimension: 2,
      version: 0n,
      evaluate: async (batch, points) => Float64Array.from(points, (point) => evaluate(batch, [point].flat().length)),
      apply: async () => {},
    });
    const mean = of((batch) => batch.reduce((sum, value) => sum + value, 0) / batch.length);
    expect((await neighbourhood(mean, [[0, 0, 0], [4]], { samples: 2 })).loss).toBe(1);
    const infinite = of((_, terms) => (terms > 0 ? Number.POSITIVE_INFINITY : 1));
    const { radii } = await neighbourhood(infinite, [[1]], { samples: 2 });
    expect(radii[0]).toMatchObject({ losses: Array(4).fill(Number.NaN), notFinite: 4, mean: null });
    await rejects(() => neighbourhood(mean, [[]]), 'ERR_ZEST_BATCH_EMPTY', /nothing in the batches/);
    const none = of(() => Number.NaN);
    await rejects(() => neighbourhood(none, [[1]]), 'ERR_ZEST_LOSS_NOT_FINITE', /at the unperturbed weights is NaN/);
    for (const measure of [
      () => hessianTrace(infinite, [[1]], { samples: 2 }),
      () => quadraticForm(infinite, [[1]], { stream: 3n, scale: 1 }),
    ])
      await rejects(measure, 'ERR_ZEST_LOSS_NOT_FINITE', /the loss at stream \d+, scale .* is Infinity/);
  });

  it('holds for losses that are tiny, and for those that are 0', async () => {
    const tiny = quadratic(diagonal([1e-12, 1e-12]), { law: 'rademacher' });
    const [{ increase }] = (await neighbourhood(tiny, undefined, { radii: [1e-3], samples: 2 })).radii as [never];
    expect((increase as { value: number }).value / 1e-18).toBeCloseTo(1, 6);
    const zero = await neighbourhood(quadratic([[0]]), undefined, { samples: 2 });
    for (const { mean, deviation: spread, maximum } of zero.radii) {
      expect([mean!.value, spread!.value, maximum!.value]).toEqual([0, 0, 0]);
    }
  });

  it('counts its forwards', async () => {
    let forwards = 0;
    const onForwards = (count: number) => {
      forwards += count;
    };
    await neighbourhood(quadratic([[1]]), undefined, { radii: [1, 2, 3], samples: 7, onForwards });
    expect(forwards).toBe(1 + 3 * 14);
  });

  it('is the same whatever else is measured, for the same seed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 2, max: 9 }), async (seed, samples) => {
        const measured = () =>
          neighbourhood(quadratic(diagonal(VALUES), { seed }), undefined, { radii: [0.2], samples });
        expect(await measured()).toEqual(await measured());
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    [{ radii: [] }, /radii is \[\]; expected an array/],
    [{ radii: [0] }, /radii\[0\] is 0; expected a number > 0/],
    [{ radii: [1e-3, -1] }, /radii\[1\] is -1/],
    [{ radii: [1e-60] }, /radii\[0\] is 1e-60; .*float32/],
    [{ radii: [1e39] }, /radii\[0\] is 1e\+39/],
    [{ radii: [Number.NaN] }, /radii\[0\] is NaN/],
    [{ radii: ['1'] }, /radii\[0\] is '1'/],
    [{ radii: 3 }, /radii is 3/],
    [{ radii: [2, 1] }, /radii\[1\] is 1; expected more than the one before/],
    [{ radii: [1, 1] }, /radii\[1\] is 1; expected more/],
    [{ samples: 0 }, /samples is 0; expected a whole number from 2 to 100000/],
    [{ samples: 1 }, /samples is 1/],
    [{ samples: 2.5 }, /samples is 2.5/],
    [{ samples: '8' }, /samples is '8'/],
    [{ samples: 1e9 }, /samples is 1000000000/],
  ])('refuses %j', async (options, message) => {
    await rejects(() => neighbourhood(quadratic([[1]]), undefined, options as never), 'ERR_ZEST_OPTION', message);
  });

  it('refuses no batches, weights that move, and stops when told to', async () => {
    const objective = quadratic([[1]]);
    await rejects(() => neighbourhood(objective, []), 'ERR_ZEST_BATCH_EMPTY', /no batches/);
    const moved = neighbourhood(objective, undefined, {
      onForwards: () => void objective.apply({ decay: 0.1, terms: [] }),
    });
    await rejects(() => moved, 'ERR_ZEST_VERSION', /version/);
    const stop = new AbortController();
    const reason = new Error('enough');
    const stopped = neighbourhood(quadratic([[1]]), undefined, {
      signal: stop.signal,
      onForwards: () => stop.abort(reason),
    });
    await expect(stopped).rejects.toBe(reason);
  });
});

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auto } from '../../lib/methods/auto.ts';
import { mezo } from '../../lib/methods/mezo.ts';
import { zest } from '../../lib/methods/zest.ts';
import { Model } from '../../lib/model/model.ts';
import { mean, tiltedMean } from '../../lib/numbers/statistics.ts';
import type { Objective } from '../../lib/objective.ts';
import { blackBox } from '../../lib/objectives/black-box.ts';
import { exampleTilt, groupTilt } from '../../lib/objectives/tilt.ts';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { film, filmBatch } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

const LOSSES = [0.1, 0.7, 2.5, 6];

// Python's decimal with 60 digits: (sum((s * x).exp() for x in losses) / 4).ln() / s
const TILTED = [
  [-1000, 0.10138629436111989],
  [-1, 0.9902155180771074],
  [-0.5, 1.394100194633544],
  [0.5, 3.7471564687561854],
  [3, 5.537911106625087],
  [1000, 5.99861370563888],
] as const;

describe('tiltedMean', () => {
  it.each(TILTED)('is that of 60 digits at s = %d', (s, expected) => {
    expect(Math.abs(tiltedMean(LOSSES, s) / expected - 1)).toBeLessThan(1e-13);
  });

  it('is the mean at 0 and near it, with all digits', () => {
    expect(tiltedMean(LOSSES, 0)).toBe(2.325);
    // mean + s·variance/2 + …; variance 5.281875
    for (const s of [1e-12, -1e-12, 1e-9]) expect(tiltedMean(LOSSES, s)).toBeCloseTo(2.325 + (s * 5.281875) / 2, 14);
  });

  it('weighs losses by softmax(sℓ): of cross-entropy and s = −q by p^q, as generalised cross-entropy does', () => {
    const loss = fc.double({ min: 0, max: 8, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(loss, { minLength: 2, maxLength: 9 }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        (losses, q) => {
          const step = 1e-5;
          const slope = (j: number) => {
            const at = (h: number) => tiltedMean(losses.with(j, losses[j]! + h), -q);
            return (at(step) - at(-step)) / (2 * step);
          };
          const powers = losses.map((l) => Math.exp(-l) ** q);
          const total = powers.reduce((a, b) => a + b);
          for (const [j, power] of powers.entries()) expect(slope(j)).toBeCloseTo(power / total, 7);
        },
      ),
      { numRuns: 50 },
    );
  });
});

/** An objective whose examples have these losses, plus θ times their number. */
const fixed = (losses: readonly number[]) =>
  blackBox({ parameters: { x: [1] }, evaluate: ({ x }) => losses.map((loss, i) => loss + x[0]! * i) });

describe('exampleTilt', () => {
  it('is the risk of the losses of examples, at each point', async () => {
    const box = fixed(LOSSES);
    const points = [[], { stream: 1n, scale: 0.5 }];
    const all = await box.sequenceLosses(undefined, points);
    const tilted = exampleTilt(box, -0.5);
    expect([...(await tilted.evaluate(undefined, points))]).toEqual(all.map((losses) => tiltedMean(losses, -0.5)));
    expect(await tilted.sequenceLosses!(undefined, points)).toEqual(all);
    expect([tilted.dimension, tilted.trainableNames]).toEqual([1, ['x']]);
  });

  it('is the plain step at s = 0', async () => {
    const [plain, tilted] = await Promise.all([
      Model.load(film, { device: 'cpu' }),
      Model.load(film, { device: 'cpu' }),
    ]);
    const batch = filmBatch([5, 9, 12]);
    const options = { learningRate: 1e-4, directions: 2, tilt: 0 } as const;
    const expected = await zest(options).step(plain, batch);
    const result = await zest(options).step(exampleTilt(tilted, 0), batch);
    for (const [i, loss] of result.losses.entries()) expect(loss).toBeCloseTo(expected.losses[i]!, 12);
    expect(tilted.version).toBe(1n);
    plain.dispose();
    tilted.dispose();
  });

  it('learns the line of most points, and not that of a wrong one', async () => {
    const points = [...Array.from({ length: 9 }, (_, i) => [i / 8, i / 8] as const), [1, -20] as const];
    const line = () =>
      blackBox({
        parameters: { slope: [1] },
        evaluate: ({ slope }) => points.map(([x, y]) => (slope[0]! * x - y) ** 2),
      });
    const slopeAfter = async (s: number) => {
      const box = line();
      const objective = exampleTilt(box, s);
      const optimizer = mezo({ learningRate: 0.1 });
      for (let step = 0; step < 200; step++) await optimizer.step(objective);
      return (await box.parameter('slope'))[0]!;
    };
    expect(await slopeAfter(-2)).toBeCloseTo(1, 1);
    expect(await slopeAfter(0)).toBeLessThan(-2);
  });

  it('refuses what it cannot tilt', async () => {
    const vector = vectorObjective(() => 1, [1]);
    await rejects(() => exampleTilt(vector, 1), 'ERR_ZEST_UNSUPPORTED', /no losses of examples/);
    for (const s of [Number.NaN, Number.POSITIVE_INFINITY, '1', undefined]) {
      await rejects(() => exampleTilt(fixed([1]), s as never), 'ERR_ZEST_TILT', /s is .*; expected a finite number/);
    }
    await rejects(() => exampleTilt(undefined as never, 1), 'ERR_ZEST_ARGUMENT', /objective is undefined/);
  });
});

describe('groupTilt', () => {
  const groups = ['a', 'a', 'b', 'a'];

  it('is the tilted mean of the means of groups, each counted alike', async () => {
    // means 2.2666… and 2.5
    const a = (0.1 + 0.7 + 6) / 3;
    const at = async (s: number) => (await groupTilt(fixed(LOSSES), s, () => groups).evaluate(undefined, [[]]))[0]!;
    expect(await at(0)).toBeCloseTo((a + 2.5) / 2, 12);
    expect(await at(2)).toBeCloseTo(Math.log((Math.exp(2 * a) + Math.exp(5)) / 2) / 2, 12);
    expect(await at(1e4)).toBeCloseTo(2.5, 3);
    expect(await at(-1e4)).toBeCloseTo(a, 3);
  });

  it('names groups that do not fit', async () => {
    const short = groupTilt(fixed(LOSSES), 1, () => ['a']);
    await rejects(() => short.evaluate(undefined, [[]]), 'ERR_ZEST_ARGUMENT', /expected a list of 4 groups/);
    await rejects(() => groupTilt(fixed([1]), 1, 'a' as never), 'ERR_ZEST_ARGUMENT', /groupsOf is 'a'/);
    for (const group of [null, {}, true])
      await rejects(
        () => groupTilt(fixed([1, 2]), 1, () => ['a', group] as never).evaluate(undefined as never, [[]]),
        'ERR_ZEST_ARGUMENT',
        /^groupsOf gave .* for example 1; expected a string or a number$/,
      );
    await rejects(() => groupTilt(fixed([1]), Number.NaN, () => []), 'ERR_ZEST_TILT', /s is NaN/);
  });
});

describe('a tilt under a method that holds the halves of a batch against each other', () => {
  // Of six examples at θ = 0, and next to it, where auto looks.
  const losses = [0.1, 0.7, 2.5, 6, 1, 3];
  const near = 1e-6;
  const stepOf = async (objective: Objective<void>) =>
    (await auto({ totalSteps: 5, rho: near }).step(objective)).meanLoss;
  const meanOfHalves = (risk: (some: readonly number[]) => number) =>
    (risk(losses.slice(0, 3)) + risk(losses.slice(3))) / 2;

  it('is that of each half', async () => {
    expect(await stepOf(exampleTilt(fixed(losses), 3))).toBeCloseTo(
      meanOfHalves((some) => tiltedMean(some, 3)),
      3,
    );
    expect(await stepOf(exampleTilt(fixed(losses), 0))).toBeCloseTo(meanOfHalves(mean), 3);
    const groups = ['a', 'b', 'b', 'c', 'c', 'a'];
    const worst = groupTilt(fixed(losses), 3, () => groups);
    const [a, b, c, d, e, f] = losses as [number, number, number, number, number, number];
    const expected = (tiltedMean([a, (b + c) / 2], 3) + tiltedMean([(d + e) / 2, f], 3)) / 2;
    expect(await stepOf(worst)).toBeCloseTo(expected, 3);
    for (const wrong of [groups.slice(1), [...groups, 'd']])
      await rejects(() => stepOf(groupTilt(fixed(losses), 3, () => wrong)), 'ERR_ZEST_ARGUMENT', /6 groups/);
  });
});

describe('a derived objective', () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(film, { device: 'cpu' });
  });
  afterAll(() => model.dispose());

  it('takes calls in their order, and sees a move by somebody else', async () => {
    const tilted = exampleTilt(model, -1);
    const batch = filmBatch([5, 9]);
    const before = tilted.evaluate(batch, [[]]);
    const moved = tilted.apply({ decay: 0.5, terms: [] });
    const after = tilted.evaluate(batch, [[]]);
    await moved;
    expect((await before)[0]).not.toBe((await after)[0]);
    for (const call of ['evaluate', 'sequenceLosses'] as const)
      await rejects(() => tilted[call]!(batch, [[]], { atVersion: 0n }), 'ERR_ZEST_VERSION', /version 0.*version 1/);
    const disturbed = tilted.evaluate(batch, Array(20).fill([]));
    const check = rejects(() => disturbed, 'ERR_ZEST_VERSION', /version 1.*version 2/);
    await model.apply({ decay: 0, terms: [] });
    await check;
    await rejects(() => tilted.evaluate(batch, [[]], { atVersoin: 0n } as never), 'ERR_ZEST_OPTION', /atVersoin/);
  });
});

import { describe, expect, it } from 'vitest';
import { hizoo, Model, mezo, vectorObjective } from '../../lib/index.ts';
import { film, filmBatch } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

const f = (x: ArrayLike<number>) => x[0]! ** 2 + 30 * x[1]! ** 2 + Math.cosh(x[2]! - 1) + x[0]! * x[2]!;
const start = [1, -2, 0.5];

describe('hizoo', () => {
  it('moves along v/√H and renews H, step by step, as HiZOO does with one H a step', async () => {
    const [rho, alpha, learningRate, k] = [0.05, 1e-3, 0.01, 2];
    const objective = vectorObjective(f, start);
    const optimizer = hizoo({ rho, alpha, learningRate, directions: k });
    let x = [...start];
    let H = [1, 1, 1];
    for (let step = 0; step < 8; step++) {
      const v = await Promise.all([0, 1].map((i) => objective.direction(BigInt(step * k + i))));
      const losses = v.map((z) =>
        [1, -1].map((sign) => f(x.map((value, j) => value + (sign * rho * z[j]!) / Math.sqrt(H[j]!)))),
      );
      const c = losses.map(([plus, minus]) => (plus! - minus!) / (2 * rho));
      const h = losses.map(([plus, minus]) => Math.abs(plus! + minus! - 2 * f(x)) / (2 * rho ** 2));
      const next = H.map((value, j) => {
        const learnt = v.reduce((sum, z, i) => sum + h[i]! * value * z[j]! ** 2, 0) / k;
        return (1 - alpha) * value + alpha * learnt;
      });
      x = x.map(
        (value, j) => value - (learningRate / k) * v.reduce((sum, z, i) => sum + (c[i]! * z[j]!) / Math.sqrt(H[j]!), 0),
      );
      H = next;
      await optimizer.step(objective);
      const curvature = await objective.state('curvature');
      for (const j of [0, 1, 2]) {
        expect(objective.x[j]).toBeCloseTo(x[j]!, 5);
        expect(curvature[j]).toBeCloseTo(H[j]!, 6);
      }
    }
  });

  it('comes to the same bits by a replay of its updates', async () => {
    const [taken, again] = [vectorObjective(f, start), vectorObjective(f, start)];
    const options = { learningRate: 0.01, rho: 0.05, alpha: 0.1, directions: 2 };
    const [optimizer, replayed] = [hizoo(options), hizoo(options)];
    for (let step = 0; step < 5; step++) {
      const { update, losses } = await optimizer.step(taken);
      await replayed.replay(again, { ...update, losses: [...losses] });
      expect([...again.x]).toEqual([...taken.x]);
    }
    expect([...(await again.state('curvature'))]).toEqual([...(await taken.state('curvature'))]);
  });

  it('learns a larger curvature for the steeper coordinate', async () => {
    const objective = vectorObjective(f, start);
    const optimizer = hizoo({ learningRate: 0, alpha: 1e-4 });
    for (let step = 0; step < 300; step++) await optimizer.step(objective);
    const [a = 0, b = 0, c = 0] = await objective.state('curvature');
    expect(b).toBeGreaterThan(1.3 * Math.max(a, c));
  });

  it('is MeZO where the curvature stays', async () => {
    const [plain, curved] = [vectorObjective(f, start), vectorObjective(f, start)];
    const [one, other] = [mezo({ learningRate: 1e-3 }), hizoo({ learningRate: 1e-3, alpha: 0 })];
    for (let step = 0; step < 5; step++) {
      await one.step(plain);
      await other.step(curved);
    }
    expect([...curved.x]).toEqual([...plain.x]);
  });

  it('says so where there is no curvature to be had', async () => {
    using model = await Model.load(film, { trainable: 'bias', device: 'cpu' });
    const before = await model.digest();
    const message = /directions.metric is 'curvature'; expected none: this objective keeps no curvature/;
    await rejects(() => hizoo({ learningRate: 1 }).step(model, filmBatch([5])), 'ERR_ZEST_UNSUPPORTED', message);
    expect(await model.digest()).toBe(before);
    const update = { decay: 0, terms: [], curvature: { keep: 1, weights: [] } };
    await rejects(() => model.apply(update), 'ERR_ZEST_UNSUPPORTED', /update has a curvature/);
  });

  it.each([
    [{ keep: 1 }],
    [{ keep: -1, weights: [1] }],
    [{ keep: 1, weights: [1, 2] }],
    [{ keep: 1, weights: [Number.NaN] }],
    [7],
  ])('refuses the curvature %j', async (curvature) => {
    const objective = vectorObjective(f, start);
    const update = { decay: 0, terms: [{ stream: 0n, coefficient: 1 }], curvature } as never;
    await rejects(
      () => objective.apply(update),
      'ERR_ZEST_UPDATE',
      /update.curvature is .*; expected \{ keep, weights \}/,
    );
    const metric = 'euclid' as never;
    const directions = { seed: 0, law: 'gaussian', metric } as const;
    await rejects(() => objective.direction(0n, 'x', { directions }), 'ERR_ZEST_DIRECTIONS', /metric is 'euclid'/);
    expect([...objective.x]).toEqual(start);
  });
});

import { describe, expect, it } from 'vitest';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { lossSlice } from '../../lib/sharpness/slice.ts';
import { rejects } from '../fixtures/rejects.ts';
import { diagonal, quadratic } from './quadratic.ts';

describe('lossSlice', () => {
  it('is a bowl with circles as level sets where the Hessian is the identity: axes are orthogonal, of length √d', async () => {
    const ones = [1, 1, 1, 1, 1];
    const { steps, losses } = await lossSlice(quadratic(diagonal(ones), { c: 3 }), undefined, { size: 5, radius: 0.5 });
    expect(steps).toEqual([-0.5, -0.25, 0, 0.25, 0.5]);
    for (const [i, a] of steps.entries()) {
      for (const [j, b] of steps.entries()) expect(losses[i]![j]).toBeCloseTo(3 + (5 / 2) * (a * a + b * b), 5);
    }
    expect(losses[2]![2]).toBe(3);
  });

  it('lies in the plane of the two streams, the first along the first', async () => {
    const seen: Float64Array[] = [];
    const objective = vectorObjective(
      (x) => {
        seen.push(x);
        return 0;
      },
      [0, 0, 0],
    );
    await lossSlice(objective, undefined, { size: 3, radius: 1, firstStream: 5n });
    const v = Float64Array.from(await objective.direction(5n));
    const norm = Math.hypot(...v);
    const along = seen[7]!; // a = radius, b = 0
    for (const [j, value] of v.entries()) expect(along[j]).toBeCloseTo((value / norm) * Math.sqrt(3), 6);
    expect(seen).toHaveLength(9);
  });

  it('takes a stream that does not lie along the first, as half of the signs in a plane do', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const bowl = vectorObjective(([x = 0, y = 0]) => x * x + y * y, [0, 0], {
        directions: { law: 'rademacher', seed },
      });
      const { losses } = await lossSlice(bowl, undefined, { size: 3, radius: 1 });
      const rounded = losses.map((row) => row.map((loss) => Number(loss.toFixed(5))));
      expect(rounded).toEqual([
        [4, 2, 4],
        [2, 0, 2],
        [4, 2, 4],
      ]);
    }
  });

  it('keeps losses that are not finite', async () => {
    const objective = vectorObjective((x) => (Math.hypot(...x) > 1 ? Number.NaN : 0), [0, 0]);
    const { losses } = await lossSlice(objective, undefined, { size: 3, radius: 1 });
    expect(losses[1]![1]).toBe(0);
    expect(losses.flat().filter(Number.isNaN)).toHaveLength(8);
  });

  it.each([
    [{ size: 4 }, 'ERR_ZEST_OPTION', /size is 4; expected an odd number/],
    [{ size: 1e7 + 1 }, 'ERR_ZEST_OPTION', /from 3 to 999/],
    [{ size: 1 }, 'ERR_ZEST_OPTION', /size is 1/],
    [{ radius: 0 }, 'ERR_ZEST_OPTION', /radius is 0/],
  ])('refuses %j', async (options, code, message) => {
    await rejects(() => lossSlice(quadratic(diagonal([1, 2])), undefined, options), code, message);
  });

  it('needs two parameters and to know the directions', async () => {
    await rejects(
      () => lossSlice(quadratic([[1]]), undefined),
      'ERR_ZEST_DIMENSION',
      /expected two trainable parameters/,
    );
    const { trainableNames, ...objective } = quadratic(diagonal([1, 2]));
    await rejects(() => lossSlice(objective, undefined), 'ERR_ZEST_UNSUPPORTED', /trainableNames/);
  });
});

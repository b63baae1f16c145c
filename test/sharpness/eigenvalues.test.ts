import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { topEigenvalues } from '../../lib/sharpness/eigenvalues.ts';
import { symmetricEigen } from '../../lib/sharpness/symmetric.ts';
import { LAWS, nameOf } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { diagonal, quadratic } from './quadratic.ts';

const symmetric = (most: number) =>
  fc.integer({ min: 1, max: most }).chain((n) =>
    fc
      .array(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: n, maxLength: n }), {
        minLength: n,
        maxLength: n,
      })
      .map((rows) => rows.map((row, i) => row.map((value, j) => (value + rows[j]![i]!) / 2))),
  );

describe('symmetricEigen', () => {
  it('gives Av = λv, unit vectors, descending values, the trace', () => {
    fc.assert(
      fc.property(symmetric(8), (a) => {
        const pairs = symmetricEigen(a);
        const scale = Math.max(1e-300, Math.hypot(...a.flat()));
        for (const { value, vector } of pairs) {
          const image = a.map((row) => row.reduce((sum, x, j) => sum + x * vector[j]!, 0));
          expect(Math.hypot(...image.map((x, i) => x - value * vector[i]!)) / scale).toBeLessThan(1e-13);
          expect(Math.hypot(...vector)).toBeCloseTo(1, 12);
        }
        const values = pairs.map(({ value }) => value);
        expect(values).toEqual([...values].sort((x, y) => y - x));
        const trace = a.reduce((sum, row, i) => sum + row[i]!, 0);
        expect(Math.abs(values.reduce((x, y) => x + y) - trace) / scale).toBeLessThan(1e-13);
      }),
    );
  });

  it('of known matrices', () => {
    expect(symmetricEigen([[3]])).toEqual([{ value: 3, vector: [1] }]);
    expect(symmetricEigen(diagonal([0, 0])).map(({ value }) => value)).toEqual([0, 0]);
    const chain = Array.from({ length: 6 }, (_, i) =>
      Array.from({ length: 6 }, (_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)),
    );
    for (const [k, { value }] of symmetricEigen(chain).entries()) {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((6 - k) * Math.PI) / 7), 13);
    }
  });
});

describe('topEigenvalues', () => {
  // Of a vector there is no direction of low rank.
  const laws = LAWS.filter((law) => typeof law === 'string');
  it.each(laws.map((law) => [nameOf(law), law] as const))('of a quadratic under %s directions', async (_, law) => {
    const values = [10, 7, 3, 1, 0.1, 0, -1, -8, ...Array.from({ length: 40 }, (_, i) => Math.sin(i))];
    const objective = quadratic(diagonal(values), { law, b: values, c: 1 });
    let forwards = 0;
    const { eigenvalues, converged, iterations } = await topEigenvalues(objective, undefined, {
      count: 3,
      tolerance: 1e-4,
      iterations: 48,
      onForwards: (count) => {
        forwards += count;
      },
    });
    for (const [i, { value, residual }] of eigenvalues.entries()) {
      expect(Math.abs(value - values[i]!)).toBeLessThan(1e-4);
      expect(residual).toBeLessThan(1e-3);
    }
    expect(converged).toBe(true);
    expect(iterations).toBeLessThan(40);
    expect(forwards).toBe(4 * 48 * iterations);
  });

  it('with as many steps as parameters, of any symmetric matrix', async () => {
    // Points are sums of directions with float32 scales, which leaves 1e-6 of the largest.
    await fc.assert(
      fc.asyncProperty(symmetric(6), fc.nat(), async (a, seed) => {
        const exact = symmetricEigen(a);
        const { eigenvalues } = await topEigenvalues(quadratic(a, { seed }), undefined, {
          count: a.length,
          iterations: a.length,
        });
        const scale = Math.max(1, ...exact.map(({ value }) => Math.abs(value)));
        for (const [i, { value }] of eigenvalues.entries()) {
          expect(Math.abs(value - exact[i]!.value) / scale).toBeLessThan(2e-5);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('where all are equal, and where all are 0', async () => {
    for (const level of [3, 0]) {
      const objective = quadratic(diagonal(Array.from({ length: 5 }, () => level)));
      const { eigenvalues } = await topEigenvalues(objective, undefined, { count: 2 });
      for (const { value } of eigenvalues) expect(Math.abs(value - level)).toBeLessThan(1e-4);
    }
  });

  it('where directions lie along one another, as signs in a plane do', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const bowl = vectorObjective(([x = 0, y = 0]) => x * x + y * y, [1, 0], {
        directions: { law: 'rademacher', seed },
      });
      const { eigenvalues, converged } = await topEigenvalues(bowl, undefined, { count: 2 });
      expect(converged).toBe(true);
      for (const { value, residual } of eigenvalues) {
        expect(value).toBeCloseTo(2, 6);
        expect(residual).toBeLessThan(1e-6);
      }
    }
  });

  it('says when the steps did not do', async () => {
    const values = Array.from({ length: 30 }, (_, i) => i);
    const objective = quadratic(diagonal(values));
    const { converged, iterations, eigenvalues } = await topEigenvalues(objective, undefined, { iterations: 2 });
    expect({ converged, iterations }).toEqual({ converged: false, iterations: 2 });
    const [{ value, residual }] = eigenvalues as [{ value: number; residual: number }];
    expect(Math.min(...values.map((exact) => Math.abs(exact - value)))).toBeLessThan(residual);
  });

  it('refuses more parameters than it is for, saying what to do, before any forward', async () => {
    const objective = vectorObjective(() => expect.fail('evaluated'), new Float64Array(513));
    await rejects(
      () => topEigenvalues(objective, undefined),
      'ERR_ZEST_DIMENSION',
      /513 trainable parameters, .* 512 at most; .*trainable: {include/,
    );
  });

  it.each([
    [{ count: 0 }, /count is 0/],
    [{ count: 3 }, /count is 3; expected at most 2/],
    [{ iterations: 0 }, /iterations is 0/],
    [{ count: 2, iterations: 1 }, /iterations is 1; expected a whole number ≥ 2/],
    [{ epsilon: -1 }, /epsilon is -1/],
    [{ tolerance: 0 }, /tolerance is 0/],
    [{ tolerance: Number.NaN }, /tolerance is NaN/],
  ])('refuses %j', async (options, message) => {
    await rejects(() => topEigenvalues(quadratic(diagonal([1, 2])), undefined, options), 'ERR_ZEST_OPTION', message);
  });

  it('needs to know the directions', async () => {
    const { direction, ...objective } = quadratic([[1]]);
    await rejects(() => topEigenvalues(objective, undefined), 'ERR_ZEST_UNSUPPORTED', /direction/);
  });
});

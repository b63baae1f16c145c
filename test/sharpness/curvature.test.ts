import { describe, expect, it } from 'vitest';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { hessianTrace, quadraticForm } from '../../lib/sharpness/curvature.ts';
import { rejects } from '../fixtures/rejects.ts';
import { diagonal, quadratic } from './quadratic.ts';

const VALUES = Array.from({ length: 50 }, (_, i) => Math.sin(3 * i) * (i % 7));
const TRACE = VALUES.reduce((a, b) => a + b);

describe('hessianTrace', () => {
  it('has no error for a diagonal Hessian under Rademacher directions', async () => {
    const trace = await hessianTrace(quadratic(diagonal(VALUES), { law: 'rademacher', b: VALUES }), undefined);
    expect(trace.value).toBeCloseTo(TRACE, 10);
    expect(trace.standardError).toBeLessThan(1e-11);
    expect(trace).toMatchObject({ samples: 32, epsilon: Math.fround(1 / Math.sqrt(50)) });
  });

  it('has the standard error √(2/n)·‖H‖_F under Gaussian directions', async () => {
    const { value, standardError, low, high } = await hessianTrace(quadratic(diagonal(VALUES)), undefined, {
      samples: 2000,
    });
    expect(low).toBeLessThan(TRACE);
    expect(high).toBeGreaterThan(TRACE);
    expect(Math.abs(value - TRACE)).toBeLessThan(4 * standardError);
    expect(standardError / (Math.hypot(...VALUES) * Math.sqrt(2 / 2000))).toBeCloseTo(1, 1);
  });

  it('is off by ε²/12·Σf⁗ where the loss is no quadratic', async () => {
    // Σcos(x_j) at 0: f″ = −1, f⁗ = 1, and v⁴ = 1 for Rademacher directions.
    const f = (x: Float64Array) => x.reduce((sum, value) => sum + Math.cos(value), 0);
    const objective = vectorObjective(f, [0, 0, 0], { directions: { law: 'rademacher' } });
    for (const epsilon of [0.5, 0.25]) {
      const { value } = await hessianTrace(objective, undefined, { epsilon });
      expect((value + 3) / (3 * (epsilon ** 2 / 12))).toBeCloseTo(1, 1);
    }
  });

  it.each([
    [{ samples: 1 }, 'ERR_ZEST_OPTION', /samples is 1/],
    [{ epsilon: 0 }, 'ERR_ZEST_OPTION', /epsilon is 0/],
    [{ epsilon: Number.POSITIVE_INFINITY }, 'ERR_ZEST_OPTION', /epsilon is Infinity/],
    [{ firstStream: -1n }, 'ERR_ZEST_STREAM', /-1/],
    [{ firstStream: 2n ** 63n - 1n }, 'ERR_ZEST_STREAM', /stream/],
  ])('refuses %o', async (options, code, message) => {
    await rejects(() => hessianTrace(quadratic([[1]]), undefined, options), code, message);
  });

  it('rejects where a loss is not finite, naming the stream', async () => {
    const objective = vectorObjective(([x]) => (x === 0 ? 0 : Number.NaN), [0]);
    await rejects(() => hessianTrace(objective, undefined), 'ERR_ZEST_LOSS_NOT_FINITE', /stream 4611686018427387904/);
  });
});

describe('quadraticForm', () => {
  const a = [
    [2, 1, 0],
    [1, -3, 0.5],
    [0, 0.5, 1],
  ];
  const objective = quadratic(a, { b: [1, 2, 3], c: 4 });

  it('is vᵀHv for a direction, and for a sum of them', async () => {
    const terms = [
      { stream: 3n, scale: 2 },
      { stream: 9n, scale: -0.5 },
    ];
    const [v, w] = await Promise.all(terms.map(({ stream }) => objective.direction(stream)));
    const sum = Array.from(v!, (value, j) => 2 * value - 0.5 * w![j]!);
    const form = (x: ArrayLike<number>) =>
      a.reduce((total, row, i) => total + row.reduce((s, value, j) => s + x[i]! * value * x[j]!, 0), 0);
    expect(await quadraticForm(objective, undefined, { stream: 3n, scale: 1 })).toBeCloseTo(form(v!), 5);
    expect(await quadraticForm(objective, undefined, terms)).toBeCloseTo(form(sum), 5);
    expect(await quadraticForm(objective, undefined, terms, { epsilon: 10 })).toBeCloseTo(form(sum), 5);
  });

  it('refuses a direction that is 0 or none', async () => {
    await rejects(() => quadraticForm(objective, undefined, []), 'ERR_ZEST_POINT', /direction is 0/);
    await rejects(
      () => quadraticForm(objective, undefined, { stream: 1n, scale: 0 }),
      'ERR_ZEST_POINT',
      /direction is 0/,
    );
    await rejects(() => quadraticForm(objective, undefined, 7 as never), 'ERR_ZEST_POINT', /direction/);
  });
});

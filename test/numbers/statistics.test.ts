import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  coverageOfMaximum,
  deviation,
  estimateDeviation,
  estimateMean,
  mean,
  quantile,
  tQuantile,
} from '../../lib/numbers/statistics.ts';

describe("Student's t", () => {
  // scipy.stats.t.ppf(0.975, n)
  it.each([
    [1, 12.706204736174694, 1e-12],
    [2, 4.302652729749462, 1e-12],
    [3, 3.1824463052837078, 4e-3],
    [4, 2.7764451051977934, 1e-3],
    [6, 2.4469118511449786, 2e-4],
    [10, 2.228138851986274, 1e-5],
    [31, 2.039513446396408, 1e-7],
    [1000, 1.9623390808264083, 1e-9],
  ])('with %i degrees of freedom', (degrees, expected, tolerance) => {
    expect(Math.abs(tQuantile(degrees) - expected)).toBeLessThan(tolerance);
  });
});

describe('values', () => {
  it('have a mean, a sample standard deviation and quantiles', () => {
    const values = [2, 4, 4, 4, 5, 5, 7, 9];
    expect([mean(values), deviation(values)]).toEqual([5, Math.sqrt(32 / 7)]);
    expect([mean([3]), deviation([3])]).toEqual([3, Number.NaN]);
    expect(mean([])).toBeNaN();
    expect([0, 0.25, 0.5, 1].map((q) => quantile([1, 2, 3, 4, 5], q))).toEqual([1, 2, 3, 5]);
    expect(quantile([1, 2], 0.5)).toBe(1.5);
  });
});

describe('estimates', () => {
  it('of a mean: the textbook interval', () => {
    const { value, standardError, low, high } = estimateMean([1, 2, 3, 4]);
    expect(value).toBe(2.5);
    expect(standardError).toBeCloseTo(Math.sqrt(5 / 3 / 4), 14);
    expect((low + high) / 2).toBeCloseTo(2.5, 14);
    expect(high - value).toBeCloseTo(tQuantile(3) * standardError, 14);
  });

  it('of a mean cover it in 95 of 100 cases', () => {
    // Uniform samples of a fixed generator; 2,000 cases have a standard error of 0.5 points.
    let state = 1;
    const uniform = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    let covered = 0;
    for (let i = 0; i < 2000; i++) {
      const { low, high } = estimateMean(Array.from({ length: 12 }, uniform));
      if (low <= 0.5 && 0.5 <= high) covered++;
    }
    expect(covered / 2000).toBeGreaterThan(0.93);
    expect(covered / 2000).toBeLessThan(0.97);
  });

  it('of a deviation: the jackknife, pair by pair', () => {
    const losses = [1, 5, 2, 3, 9, 4];
    const without = [
      [2, 3, 9, 4],
      [1, 5, 9, 4],
      [1, 5, 2, 3],
    ].map(deviation);
    const { value, standardError } = estimateDeviation(losses);
    expect(value).toBe(deviation(losses));
    const centre = mean(without);
    expect(standardError).toBeCloseTo(Math.sqrt((2 / 3) * without.reduce((sum, x) => sum + (x - centre) ** 2, 0)), 14);
  });

  it('keep their digits where the values are alike', () => {
    const tiny = [1, 2, 3, 4].map((i) => 1e6 + i * 1e-9);
    expect(deviation(tiny)).toBeCloseTo(deviation([1, 2, 3, 4]) * 1e-9, 9);
    expect(deviation([0.3, 0.3, 0.3])).toBe(0);
    expect(mean([0.1, 0.1, 0.1])).toBe(0.1);
  });

  it('shift and scale with the values', () => {
    const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 20 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.1, max: 10, noNaN: true }), (some, factor) => {
        const even = some.length % 2 ? some.slice(1) : some;
        for (const estimate of [estimateMean, estimateDeviation]) {
          const plain = estimate(even);
          const scaled = estimate(even.map((x) => factor * x));
          expect(scaled.value).toBeCloseTo(factor * plain.value, 10);
          // Leaving out the one pair that differs cancels half of the digits.
          expect(scaled.standardError).toBeCloseTo(factor * plain.standardError, 6);
          expect(plain.low).toBeLessThanOrEqual(plain.value);
        }
      }),
    );
  });
});

it('the largest of n pairs covers a share q with qⁿ = 5 %', () => {
  expect(coverageOfMaximum(1)).toBeCloseTo(0.05, 14);
  expect(coverageOfMaximum(32) ** 32).toBeCloseTo(0.05, 14);
});

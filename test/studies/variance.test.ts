import { describe, expect, it } from 'vitest';
import { runStudy } from '../../lib/studies/registry.ts';
import { directionsFactor } from '../../lib/studies/variance.ts';
import { expectPage, lineOf, quick, tableOf } from './quick.ts';

describe('zest study variance', () => {
  it('finds the effective share e^(−τ²) of many evaluations, and no less than 1/n of few', async () => {
    const result = await quick('variance');
    const many = lineOf(result, 'effective-share', 'n = 10,000');
    for (const tau of [0, 0.5, 1]) expect(many(tau)).toBeCloseTo(Math.exp(-(tau ** 2)), 1.6);
    const few = lineOf(result, 'effective-share', 'n = 10');
    expect(few(0)).toBe(1);
    for (const tau of [1, 2, 3]) expect(few(tau)).toBeGreaterThan(Math.max(0.1, Math.exp(-(tau ** 2))));
  });

  it('finds that one-sided estimates are nearer at equal forwards, and that a tilt only loses on a linear loss', async () => {
    const result = await quick('variance');
    const [two, one] = ['cosine-two', 'cosine-one'].map((id) => lineOf(result, id, 'τ = 0')(10));
    // √(k/(d + k − 1)), the root of the mean square, to first order, with 5 and with 10 − 1 directions.
    expect(two!).toBeCloseTo(Math.sqrt(5 / 104), 1.3);
    expect(one!).toBeCloseTo(Math.sqrt(9 / 108), 1.3);
    for (const id of ['cosine-two', 'cosine-one'])
      expect(lineOf(result, id, 'τ = 2')(64)).toBeLessThan(0.9 * lineOf(result, id, 'τ = 0')(64));
  });

  it('has the correlation of weights with slopes in closed form', () => {
    // By the trapezium rule over N(0, 1).
    const z = Array.from({ length: 4001 }, (_, i) => -10 + i / 200);
    const expected = (of: (z: number) => number) =>
      z.reduce((sum, value) => sum + (of(value) * Math.exp(-(value ** 2) / 2)) / Math.sqrt(2 * Math.PI) / 200, 0);
    for (const tau of [0.3, 1, 2]) {
      const sinh = (value: number) => Math.sinh(tau * value);
      const two = expected((value) => sinh(value) ** 2) / expected((value) => value * sinh(value)) ** 2;
      expect(directionsFactor(tau, 'two')).toBeCloseTo(two, 6);
      const mean = expected((value) => Math.exp(tau * value));
      const one =
        expected((value) => (Math.exp(tau * value) - mean) ** 2) /
        expected((value) => value * Math.exp(tau * value)) ** 2;
      expect(directionsFactor(tau, 'one')).toBeCloseTo(one, 6);
    }
  });

  it('measures the variance of exp(t·f) as it is where it is small', async () => {
    const { rows } = tableOf(await quick('variance'), 'Relative variance');
    const [, exact, measured] = rows[0] as [string, number, number];
    expect(exact).toBeCloseTo(0.9 / Math.sqrt(0.8) - 1, 12);
    expect(measured / exact).toBeCloseTo(1, 1);
  });

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('variance')));

  it('gives the same numbers again, and stops when it is told to', async () => {
    expect(JSON.stringify(await runStudy('variance', { quick: true }))).toBe(JSON.stringify(await quick('variance')));
    const stop = new AbortController();
    const stopped = runStudy('variance', {
      quick: true,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('refuses what it does not know', async () => {
    await expect(runStudy('tilting')).rejects.toThrow(/^study is 'tilting'; expected .*variance/);
    await expect(runStudy('variance', { seed: -1 })).rejects.toThrow('seed is -1; expected a whole number ≥ 0');
  });
});

import { describe, expect, it } from 'vitest';
import { meanWeight, slopeOf, tiltedGradient } from '../../lib/studies/estimators.ts';
import { expectPage, expectRatioEstimators, quick, tableOf } from './quick.ts';

describe('zest study estimators', () => {
  it('has the tilted gradient and E exp(t·f) of a quadratic as quadrature has them', () => {
    const [t, rho, g, lambda] = [1.5, 0.3, 0.8, 2];
    const z = Array.from({ length: 8001 }, (_, i) => -20 + i / 200);
    const expected = (of: (z: number) => number) =>
      z.reduce((sum, value) => sum + (of(value) * Math.exp(-(value ** 2) / 2)) / Math.sqrt(2 * Math.PI) / 200, 0);
    const weight = (value: number) => Math.exp(t * (g * rho * value + (lambda * (rho * value) ** 2) / 2));
    const quadratic = { g: [g], lambda: [lambda] };
    expect(meanWeight(quadratic, t, rho)).toBeCloseTo(expected(weight), 9);
    const gradient = expected((value) => value * weight(value)) / (t * rho * expected(weight));
    expect(tiltedGradient(quadratic, t, rho)[0]).toBeCloseTo(gradient, 9);
  });

  it('finds biases of 1/k, and of 1/k² for the corrected ones', async () => {
    const slopes = new Map(
      tableOf(await quick('estimators'), '‖E G').rows.map((row) => [row[0], row.at(-1) as number]),
    );
    expect(slopes.get('naive')).toBeGreaterThan(-1.3);
    expect(slopes.get('naive')).toBeLessThan(-0.7);
    for (const name of ['biasCorrected', 'beale', 'jackknife']) expect(slopes.get(name)).toBeLessThan(-1.4);
    expect(slopeOf([1, 2, 4], [3, 3 / 4, 3 / 16])).toBeCloseTo(-2, 12);
  });

  it('finds that corrections lengthen the step and cost signal, and that one-sided has most of it', async () =>
    expectRatioEstimators(await quick('estimators')));

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('estimators')));
});

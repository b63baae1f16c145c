import { describe, expect, it } from 'vitest';
import { expectPage, lineOf, quick, tableOf } from './quick.ts';

describe('zest study ablation', () => {
  it('trains each tilt with each rate, and says what came of it', async () => {
    const result = await quick('ablation');
    const { rows } = tableOf(
      result,
      'With 40 % of the labels drawn at random, learning rate 0.0003: after 20 forwards',
    );
    expect(rows.map(([name]) => name)).toEqual(['t = 10', 'τ = 1']);
    // σ of the losses at ρ = 1e-3 is some hundredths, and that is what a t is multiplied with.
    const [ofT, ofTau] = rows.map(([, tau]) => tau as number);
    expect(ofT).toBeGreaterThan(0.01);
    expect(ofT).toBeLessThan(1);
    expect(ofTau).toBeCloseTo(1, 5);
    const { before } = result.settings as { before: { accuracy: number; loss: number } };
    expect(before.accuracy).toBe(0.5);
    for (const name of ['t = 10', 'τ = 1']) {
      const lossAt = lineOf(result, 'rates-40', name);
      expect(lossAt(3e-4)).toBeLessThan(before.loss);
      expect(lossAt(1e-2)).not.toBe(lossAt(3e-4));
    }
    expect(result.findings).toHaveLength(2);
  });

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('ablation')));
});

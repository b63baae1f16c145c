import { describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../../lib/studies/synthetic.ts';
import { expectPage, quick } from './quick.ts';

describe('zest study synthetic', () => {
  it('has functions that are 0 at 0 alone, and known elsewhere', () => {
    for (const f of Object.values(FUNCTIONS)) {
      expect(f([0, 0, 0])).toBeCloseTo(0, 12);
      expect(f([0.1, 0.2, 0.3])).toBeGreaterThan(0);
    }
    expect(FUNCTIONS.ellipsoid!([1, 2, 3])).toBeCloseTo((0.1 + 4 + 90) / 3, 12);
    expect(FUNCTIONS['ℓ½-ellipsoid']!([1, 4])).toBeCloseTo((10 ** -0.5 + 2 * 10 ** 0.5) / 2, 12);
    expect(FUNCTIONS['different powers']!([2, 2])).toBe((4 + 64) / 2);
    // Ackley's: 20 + e − 20·exp(−0.2) − exp(1) at a vector of ones.
    expect(FUNCTIONS.ackley!([1, 1])).toBeCloseTo(20 - 20 * Math.exp(-0.2), 12);
  });

  it('has every method gain on its start, with a rate that was chosen on another seed', async () => {
    const { tables, settings } = await quick('synthetic');
    const [left, rates] = tables as [(typeof tables)[0], (typeof tables)[0]];
    for (const [, ...values] of left.rows) for (const value of values) expect(value).toBeLessThan(1);
    for (const [, ...values] of rates.rows) for (const value of values) expect(value).toBeGreaterThan(0);
    expect(settings.seeds).not.toContain(settings.choosingSeed);
  });

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('synthetic')));
});

import { describe, expect, it } from 'vitest';
import { mean } from '../../lib/numbers/statistics.ts';
import { noise } from '../../lib/objectives/noise.ts';
import { valley, valleyAround, valleyTrace } from '../../lib/studies/adaptive-tilt.ts';
import { expectPage, lineOf, quick } from './quick.ts';

describe('zest study adaptive-tilt', () => {
  it('has tr H as differences have it, and the mean around as draws have it', () => {
    const at = [0.7, 0.4, -0.2, 0.1];
    const h = 1e-3;
    const shifted = (j: number, by: number) => at.map((value, i) => (i === j ? value + by : value));
    const second = at.map((_, j) => (valley(shifted(j, h)) + valley(shifted(j, -h)) - 2 * valley(at)) / h ** 2);
    expect(valleyTrace(at)).toBeCloseTo(
      second.reduce((sum, value) => sum + value, 0),
      4,
    );
    const v = noise({ seed: 5, stream: 0n, offset: 0, length: 400_000 });
    const around = Array.from({ length: 100_000 }, (_, i) => valley(at.map((value, j) => value + 0.3 * v[4 * i + j]!)));
    expect(valleyAround(at, 0.3) / mean(around)).toBeCloseTo(1, 1.7);
  });

  it('finds that perturbations that go far make the minimum flatter, and that small tilts do nothing', async () => {
    const result = await quick('adaptive-tilt');
    const none = lineOf(result, 'trace', 't = 0');
    expect(none(0.1)).toBeLessThan(none(0.01));
    expect(lineOf(result, 'trace', 't = 1')(0.01)).toBeCloseTo(none(0.01), 1);
  });

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('adaptive-tilt')));
});

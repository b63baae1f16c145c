import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fitLogistic, minimize, standardizer } from '../../lib/comparison/logistic-regression.ts';

interface Known {
  strength: number;
  classes: number;
  rows: number[][];
  labels: number[];
  asked: number[][];
  probabilities: number[][];
}

const KNOWN: Known[] = JSON.parse(readFileSync(new URL('logistic-regression.json', import.meta.url), 'utf8'));

it.each(KNOWN)('has the probabilities of scikit-learn: $classes classes, C = $strength', (known) => {
  const classify = fitLogistic(known.rows, known.labels, { ...known, tolerance: 1e-7 });
  for (const [i, row] of known.asked.entries()) {
    for (const [c, probability] of classify(row).entries()) {
      expect(Math.abs(probability - known.probabilities[i]![c]!)).toBeLessThan(2e-5);
    }
  }
});

it('minimises convex quadratics, however long and narrow', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double({ min: 0.01, max: 100 }), fc.double({ min: -10, max: 10 })), { minLength: 1 }),
      (terms) => {
        const quadratic = (x: Float64Array) => ({
          value: terms.reduce((sum, [a, b], i) => sum + (a / 2) * (x[i]! - b) ** 2, 0),
          gradient: Float64Array.from(terms, ([a, b], i) => a * (x[i]! - b)),
        });
        const found = minimize(terms.length, quadratic, 1e-7);
        for (const [i, [, b]] of terms.entries()) expect(found[i]).toBeCloseTo(b, 3);
      },
    ),
    { numRuns: 50 },
  );
});

it('makes features of mean 0 and deviation 1, and of what never changes 0', () => {
  const scaled = standardizer([
    [1, 5],
    [3, 5],
  ]);
  expect([...scaled([1, 5])]).toEqual([-1, 0]);
  expect([...scaled([4, 6])]).toEqual([2, 1]);
});

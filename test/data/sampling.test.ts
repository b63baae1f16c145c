import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleShots, shuffledBatches, splitMix64, withLabelNoise } from '../../lib/data/sampling.ts';

interface Fixture {
  labels: number[];
  cases: { seed: string; shots: number[]; noise: number[]; epochs: number[] }[];
}

const { labels, cases } = JSON.parse(
  readFileSync(fileURLToPath(new URL('../fixtures/data/sampling.json', import.meta.url)), 'utf8'),
) as Fixture;
const names = ['negative', 'positive'];

const sorted = (rows: readonly number[]): number[] => [...rows].sort((a, b) => a - b);

describe('splitMix64', () => {
  it("gives the numbers of Vigna's splitmix64.c", () => {
    const bits = splitMix64(1234567n);
    expect([bits(), bits(), bits(), bits(), bits()]).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]);
    expect(splitMix64(0n)()).toBe(0xe220a8397b1dcdafn);
  });
});

describe.each(cases)('seed $seed', ({ seed, shots, noise, epochs }) => {
  it('gives the rows of another implementation', () => {
    expect(sampleShots(labels, { names, shots: 5, seed: BigInt(seed) })).toEqual(shots);
    expect(withLabelNoise(labels, { classes: 2, share: 0.25, seed: BigInt(seed) })).toEqual(noise);
    const batches = shuffledBatches(7, 4, BigInt(seed));
    expect([0, 1, 2, 3, 4, 5, 6].flatMap((step) => batches.batch(step))).toEqual(epochs);
  });
});

describe('sampleShots', () => {
  it('takes that many rows of each class, each once, in ascending order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 1, maxLength: 60 }), fc.maxSafeNat(), (classes, seed) => {
        const rows = [...classes, 0, 1, 2, 2, 1, 0];
        const chosen = sampleShots(rows, { names: ['a', 'b', 'c'], shots: 2, seed });
        expect(chosen).toEqual([...new Set(sorted(chosen))]);
        expect(sorted(chosen.map((row) => rows[row]!))).toEqual([0, 0, 1, 1, 2, 2]);
        expect(sampleShots(rows, { names: ['a', 'b', 'c'], shots: 2, seed })).toEqual(chosen);
      }),
    );
  });

  it('draws every row alike', () => {
    const counts = new Array<number>(10).fill(0);
    const rows = counts.map(() => 0);
    for (let seed = 0; seed < 2000; seed++) {
      for (const row of sampleShots(rows, { names: ['a'], shots: 3, seed })) counts[row]!++;
    }
    // 600 expected, standard deviation √(2000·0.3·0.7) = 20.5
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(5 * 20.5);
  });

  it('names the class that has too few rows, and how many', () => {
    expect(() => sampleShots([0, 0, 1], { names, shots: 2, seed: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_ZEST_SHOTS', message: expect.stringMatching(/2 rows.*positive.*has 1/) }),
    );
    for (const shots of [0, 1.5, -1, Number.NaN, '2' as never]) {
      expect(() => sampleShots(labels, { names, shots, seed: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_OPTION', message: expect.stringContaining('shots') }),
      );
    }
    for (const seed of [-1, 0.5, 2 ** 53, -1n, 1n << 64n]) {
      expect(() => sampleShots(labels, { names, shots: 1, seed })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_OPTION', message: expect.stringContaining('seed') }),
      );
    }
  });
});

describe('withLabelNoise', () => {
  it('draws round(share·n) labels anew and leaves its argument alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { maxLength: 50 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (old, share, seed) => {
          const copy = [...old];
          const noisy = withLabelNoise(old, { classes: 4, share, seed });
          expect(old).toEqual(copy);
          expect(noisy.length).toBe(old.length);
          expect(noisy.every((label) => Number.isInteger(label) && label >= 0 && label < 4)).toBe(true);
          expect(noisy.filter((label, i) => label !== old[i]).length).toBeLessThanOrEqual(
            Math.round(share * old.length),
          );
        },
      ),
    );
  });

  it('gives (c − 1)/c of the drawn labels another value on average', () => {
    const noisy = withLabelNoise(new Array<number>(20_000).fill(1), { classes: 4, share: 0.5, seed: 3 });
    // 10,000 draws, each other than 1 with probability 3/4: 7,500, standard deviation 43
    expect(Math.abs(noisy.filter((label) => label !== 1).length - 7500)).toBeLessThan(5 * 43);
    expect(Math.abs(noisy.filter((label) => label === 3).length - 2500)).toBeLessThan(5 * 43);
  });

  it('takes a share from 0 to 1 only', () => {
    expect(withLabelNoise(labels, { classes: 2, share: 0, seed: 1 })).toEqual(labels);
    for (const share of [-0.1, 1.1, Number.NaN]) {
      expect(() => withLabelNoise(labels, { classes: 2, share, seed: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_OPTION', message: expect.stringContaining('labelNoise') }),
      );
    }
  });
});

describe('shuffledBatches', () => {
  it('has every row once an epoch, in any order of asking', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.nat(),
        (rows, batchSize, seed) => {
          const batches = shuffledBatches(rows, batchSize, seed);
          expect(batches.size).toBe(Math.min(rows, batchSize));
          const steps: number[][] = [];
          for (const batch of batches) {
            steps.push(batch);
            if (steps.length * batches.size >= 3 * rows) break;
          }
          const order = steps.flat();
          for (const epoch of [0, 1, 2]) {
            expect(sorted(order.slice(epoch * rows, (epoch + 1) * rows))).toEqual(
              Array.from({ length: rows }, (_, i) => i),
            );
          }
          const again = shuffledBatches(rows, batchSize, seed);
          for (let step = steps.length - 1; step >= 0; step--) expect(again.batch(step)).toEqual(steps[step]);
        },
      ),
    );
  });

  it('shuffles each epoch anew, and far ones at once', () => {
    const batches = shuffledBatches(100, 100, 1);
    expect(batches.batch(0)).not.toEqual(batches.batch(1));
    expect(batches.batch(0)).not.toEqual(shuffledBatches(100, 100, 2).batch(0));
    expect(sorted(batches.batch(1e12))).toEqual(sorted(batches.batch(0)));
  });

  it('takes a batch of any size over the end of an epoch', () => {
    const batch = shuffledBatches(400_000, 300_000, 1).batch(1);
    expect([batch.length, new Set(batch.slice(0, 100_000)).size]).toEqual([300_000, 100_000]);
  });

  it('refuses what makes no batches', () => {
    expect(() => shuffledBatches(0, 4, 1)).toThrow(expect.objectContaining({ code: 'ERR_ZEST_BATCH_EMPTY' }));
    expect(() => shuffledBatches(4, 0, 1)).toThrow(expect.objectContaining({ code: 'ERR_ZEST_OPTION' }));
    for (const step of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => shuffledBatches(4, 2, 1).batch(step)).toThrow(
        expect.objectContaining({ code: 'ERR_ZEST_ARGUMENT' }),
      );
    }
  });
});

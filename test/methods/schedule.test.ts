import { describe, expect, it } from 'vitest';
import { learningRateFactor, type ScheduleOptions } from '../../lib/methods/schedule.ts';

const factors = (options: ScheduleOptions, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => learningRateFactor(options)(step));

const close = (found: number[], expected: number[]) => {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 14);
};

describe('the learning rate', () => {
  it('is constant by default', () => {
    expect(factors({}, 3)).toEqual([1, 1, 1]);
    expect(factors({ totalSteps: 2 }, 3)).toEqual([1, 1, 1]);
  });

  it('grows linearly in the warm-up', () => {
    close(factors({ warmupSteps: 4 }, 6), [0.25, 0.5, 0.75, 1, 1, 1]);
  });

  it('falls linearly to 0', () => {
    close(factors({ schedule: 'linear', totalSteps: 4 }, 6), [1, 0.75, 0.5, 0.25, 0, 0]);
    close(factors({ schedule: 'linear', warmupSteps: 2, totalSteps: 4 }, 5), [0.5, 1, 1, 0.5, 0]);
  });

  it('falls along half a cosine to 0', () => {
    close(factors({ schedule: 'cosine', totalSteps: 3 }, 5), [1, 0.75, 0.25, 0, 0]);
    close(factors({ schedule: 'cosine', warmupSteps: 1, totalSteps: 3 }, 4), [1, 1, 0.5, 0]);
  });

  it.each([
    [{ schedule: 'step' as 'linear' }, "schedule is 'step'; expected constant, linear or cosine"],
    [
      { schedule: 'linear' as const },
      'totalSteps is undefined; expected more than warmupSteps (0) with schedule linear',
    ],
    [
      { schedule: 'cosine' as const, warmupSteps: 5, totalSteps: 5 },
      'totalSteps is 5; expected more than warmupSteps (5) with schedule cosine',
    ],
    [{ warmupSteps: -1 }, 'warmupSteps is -1; expected a whole number of steps ≥ 0'],
    [{ warmupSteps: 1.5 }, 'warmupSteps is 1.5; expected a whole number of steps ≥ 0'],
    [{ totalSteps: Number.NaN }, 'totalSteps is NaN; expected a whole number of steps ≥ 0'],
  ])('refuses %o', (options, message) => {
    expect(() => learningRateFactor(options)).toThrow(expect.objectContaining({ code: 'ERR_ZEST_OPTION', message }));
  });
});

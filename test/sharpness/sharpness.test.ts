import { describe, expect, it } from 'vitest';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { sharpnessChange } from '../../lib/sharpness/report.ts';
import { forwardsOfSharpness, type SharpnessOptions, sharpness } from '../../lib/sharpness/sharpness.ts';
import { rejects } from '../fixtures/rejects.ts';
import { diagonal, quadratic } from './quadratic.ts';

const VALUES = [4, 1, -2, 0.5];

describe('sharpness', () => {
  it('measures all that is asked for, in the number of forwards foretold, along streams of its own', async () => {
    const streams = new Map<bigint, number>();
    const objective = quadratic(diagonal(VALUES), { c: 1 });
    const { evaluate } = objective;
    objective.evaluate = (batch, points, options) => {
      for (const term of points.flat()) if ('stream' in term) streams.set(term.stream, 1);
      return evaluate(batch, points, options);
    };
    const options: SharpnessOptions = { radii: [0.1, 0.2], samples: 5, slice: 3, eigenvalues: 2 };
    let forwards = 0;
    const measured = await sharpness(objective, undefined, {
      ...options,
      onForwards: (count) => {
        forwards += count;
      },
    });
    expect(forwards).toBe(forwardsOfSharpness(4, options));
    expect(measured.radii).toHaveLength(2);
    expect(measured.slice?.steps.at(-1)).toBe(Math.fround(0.2));
    expect(measured.eigenvalues?.eigenvalues.map(({ value }) => Math.round(value * 1000))).toEqual([4000, 1000]);
    expect(streams.size).toBe(5 + 5 + 2 + (2 * 4 + 16));
    const { slice, eigenvalues, ...plain } = await sharpness(objective, undefined, { radii: [0.1, 0.2], samples: 5 });
    expect([slice, eigenvalues]).toEqual([undefined, undefined]);
    expect(plain.trace).toEqual(measured.trace);
  });

  it.each([
    [{ samples: 0 }, 'ERR_ZEST_OPTION', /samples is 0/],
    [{ slice: 2 }, 'ERR_ZEST_OPTION', /slice is 2/],
    [{ slice: 8 }, 'ERR_ZEST_OPTION', /slice is 8; expected an odd number/],
    [{ slice: -3 }, 'ERR_ZEST_OPTION', /slice is -3/],
    [{ eigenvalues: 1.5 }, 'ERR_ZEST_OPTION', /eigenvalues is 1.5/],
    [{ eigenvalues: 600 }, 'ERR_ZEST_DIMENSION', /600 trainable parameters/],
    [{ radii: [2, 1] }, 'ERR_ZEST_OPTION', /radii\[1\]/],
  ])('refuses %j before the first forward', async (options, code, message) => {
    const objective = vectorObjective(() => expect.fail('evaluated'), new Float64Array(600));
    await rejects(() => sharpness(objective, undefined, options), code, message);
    await rejects(() => forwardsOfSharpness(600, options), code, message);
  });
});

describe('sharpnessChange', () => {
  it('is paired: exact where both sets of weights see the same directions', async () => {
    const measure = (factor: number) =>
      sharpness(quadratic(diagonal(VALUES.map((value) => factor * value))), undefined, { radii: [0.1], samples: 8 });
    const [before, after] = await Promise.all([measure(1), measure(3)]);
    const change = sharpnessChange(before, after);
    expect(change.trace.value).toBeCloseTo(2 * before.trace.value, 10);
    expect(change.trace.standardError).toBeCloseTo(2 * before.trace.standardError, 10);
    expect(change.increases[0]!.change!.value).toBeCloseTo(2 * before.radii[0]!.increase!.value, 12);
    expect(change.loss).toBe(0);
    const none = sharpnessChange(before, before);
    expect(none.trace).toEqual({ value: 0, standardError: 0, low: 0, high: 0 });
  });

  it('is null where losses are not finite', async () => {
    const f = (x: Float64Array) => (Math.abs(x[0]!) > 5 ? Number.NaN : x[0]!);
    const measured = await sharpness(vectorObjective(f, [0]), undefined, { radii: [0.1, 100], samples: 4 });
    const { increases } = sharpnessChange(measured, measured);
    expect(increases.map(({ change }) => change === null)).toEqual([false, true]);
  });
});

import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mezo } from '../../lib/methods/mezo.ts';
import { zest } from '../../lib/methods/zest.ts';
import type { Law, Update } from '../../lib/objective.ts';
import { noise } from '../../lib/objectives/noise.ts';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { bits, LAWS, nameOf } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

const d = 300;
const start = Array.from({ length: d }, (_, i) => Math.sin(i) * 3);
const square = (x: Float64Array): number => x.reduce((sum, value) => sum + value * value, 0) / 2;

/** v(stream) of a lone vector, from the definition of each law (docs/noise.md). */
const direction = (law: Law, seed: bigint | number, stream: bigint): Float64Array => {
  const base = law === 'rademacher' ? 'rademacher' : 'gaussian';
  const z = noise({ seed, stream, offset: 0, length: d, law: base });
  if (law !== 'sphere') return Float64Array.from(z);
  const squares = z.reduce((sum, value) => sum + BigInt(Math.round(value * value * 2 ** 24)), 0n);
  const radius = Math.fround(Math.sqrt(d / (Number(squares) / 2 ** 24)));
  return Float64Array.from(z, (value) => Math.fround(radius * value));
};

const OF_VECTORS = LAWS.filter((law) => typeof law === 'string');

describe.each(OF_VECTORS.map((law) => [nameOf(law), law] as const))('a function under %s directions', (_, law) => {
  const directions = { seed: 12345678901234567890n, law };

  it('is evaluated at x + Σ float32(scale)·v, in float64 and in order', async () => {
    const seen: Float64Array[] = [];
    const objective = vectorObjective(
      (x) => {
        seen.push(x);
        return square(x);
      },
      start,
      { directions },
    );
    const terms = [
      { stream: 4n, scale: 0.1 },
      { stream: 2n ** 63n - 1n, scale: -1e-3 },
    ];
    const losses = await objective.evaluate(undefined, [[], terms[0] as never, terms]);
    const expected = [start, [], []].map((x) => Float64Array.from(x));
    expected[1] = Float64Array.from(
      start,
      (x, j) => x + Math.fround(0.1) * (direction(law, directions.seed, 4n)[j] ?? 0),
    );
    const second = direction(law, directions.seed, 2n ** 63n - 1n);
    expected[2] = expected[1].map((x, j) => x + Math.fround(-1e-3) * (second[j] ?? 0));
    expect(seen.map((x) => bits(x))).toEqual(expected.map((x) => bits(x)));
    expect(bits(losses)).toEqual(bits(expected.map(square)));
  });

  it('moves by x −= decay·x + Σ coefficient·v, in float64 and in order', async () => {
    const objective = vectorObjective(square, start, { directions });
    const update: Update = { decay: 0.1, terms: [3n, 9n].map((stream, i) => ({ stream, coefficient: 0.3 + i })) };
    await objective.apply(update);
    const g = Float64Array.from(start, (x) => Math.fround(0.1) * x);
    for (const { stream, coefficient } of update.terms) {
      const v = direction(law, directions.seed, stream);
      for (let j = 0; j < d; j++) g[j] = (g[j] ?? 0) + Math.fround(coefficient) * (v[j] ?? 0);
    }
    expect(bits(objective.x)).toEqual(bits(start.map((x, j) => x - (g[j] ?? 0))));
    expect(objective.version).toBe(1n);
  });
});

describe('vectorObjective', () => {
  it('copies what it is given and gives away copies', async () => {
    const x0 = Float64Array.of(1, 2);
    const objective = vectorObjective((x) => {
      x.fill(7);
      return 1;
    }, x0);
    x0.fill(9);
    await objective.evaluate(undefined, [[], []]);
    expect([...objective.x]).toEqual([1, 2]);
    expect(objective.dimension).toBe(2);
  });

  it('keeps the order of calls, whatever their functions take', async () => {
    const delays = [30, 1, 10, 1];
    const log: string[] = [];
    const objective = vectorObjective(
      async (x) => {
        await wait(delays.pop());
        log.push(String(x[0]));
        return square(x);
      },
      [1],
    );
    const halve: Update = { decay: 0.5, terms: [] };
    await Promise.all([
      objective.evaluate(undefined, [[]]),
      objective.apply(halve),
      objective.evaluate(undefined, [[], []], { atVersion: 1n }),
      objective.apply(halve),
      objective.evaluate(undefined, [[]], { atVersion: 2n }),
    ]);
    expect(log).toEqual(['1', '0.5', '0.5', '0.25']);
  });

  it('names the stream where the loss is not finite, and keeps x', async () => {
    const objective = vectorObjective((x) => (x[0] === 1 ? 0 : Number.NaN), [1]);
    const point = { stream: 77n, scale: 1 };
    await rejects(() => objective.evaluate(undefined, [[], point]), 'ERR_ZEST_LOSS_NOT_FINITE', /stream 77 is NaN/);
    const infinite = vectorObjective(() => Number.POSITIVE_INFINITY, [1]);
    await rejects(() => infinite.evaluate(undefined, [[]]), 'ERR_ZEST_LOSS_NOT_FINITE', /x itself is Infinity/);
    const optimizer = mezo({ learningRate: 1 });
    await rejects(() => optimizer.step(objective), 'ERR_ZEST_LOSS_NOT_FINITE', /stream 0/);
    expect([objective.x[0], objective.version]).toEqual([1, 0n]);
  });

  it('passes on what its function throws, and works on', async () => {
    const own = new Error('mine');
    let broken = true;
    const objective = vectorObjective(() => {
      if (broken) throw own;
      return 1;
    }, [1]);
    await expect(objective.evaluate(undefined, [[]])).rejects.toBe(own);
    broken = false;
    expect([...(await objective.evaluate(undefined, [[]]))]).toEqual([1]);
  });

  it('stops between points', async () => {
    const controller = new AbortController();
    let calls = 0;
    const objective = vectorObjective(() => {
      if (++calls === 2) controller.abort('enough');
      return 1;
    }, [1]);
    const { signal } = controller;
    await expect(objective.evaluate(undefined, [[], [], []], { signal })).rejects.toBe('enough');
    expect(calls).toBe(2);
    await expect(objective.evaluate(undefined, [[]], { signal })).rejects.toBe('enough');
    await expect(objective.apply({ decay: 1, terms: [] }, { signal })).rejects.toBe('enough');
    await expect(objective.direction(0n, 'x', { signal })).rejects.toBe('enough');
    expect([objective.x[0], objective.version, calls]).toEqual([1, 0n, 2]);
  });

  it('is refused at another version than the one asked for', async () => {
    const objective = vectorObjective(square, [1]);
    const moved = objective.apply({ decay: 0.5, terms: [] });
    await rejects(
      () => objective.evaluate(undefined, [[]], { atVersion: 0n }),
      'ERR_ZEST_VERSION',
      /version 0.*version 1/,
    );
    await moved;
  });

  it('is minimised', async () => {
    const objective = vectorObjective(
      square,
      Float64Array.from({ length: 20 }, (_, i) => i - 10),
    );
    const before = square(objective.x);
    const optimizer = zest({ learningRate: 0.02, directions: 4, rho: 1e-3, tilt: { tau: 1 } });
    for (let step = 0; step < 300; step++) await optimizer.step(objective);
    expect(square(objective.x)).toBeLessThan(before / 100);
  });

  it.each<[string, () => unknown, string, RegExp]>([
    ['no function', () => vectorObjective(3 as never, [1]), 'ERR_ZEST_ARGUMENT', /f is 3; expected a function/],
    [
      'no vector',
      () => vectorObjective(square, undefined as never),
      'ERR_ZEST_ARGUMENT',
      /x0 is undefined; expected an array/,
    ],
    ['an empty vector', () => vectorObjective(square, []), 'ERR_ZEST_ARGUMENT', /x0 is \[\]; expected an array/],
    ['NaN', () => vectorObjective(square, [0, Number.NaN]), 'ERR_ZEST_ARGUMENT', /x0\[1\] is NaN/],
    [
      'a bad seed',
      () => vectorObjective(square, [1], { directions: { seed: -1 } }),
      'ERR_ZEST_DIRECTIONS',
      /seed is -1/,
    ],
    [
      'a bad law',
      () => vectorObjective(square, [1], { directions: { law: 'x' as never } }),
      'ERR_ZEST_DIRECTIONS',
      /law is 'x'/,
    ],
    [
      'bad points',
      () => vectorObjective(square, [1]).evaluate(undefined, [3 as never]),
      'ERR_ZEST_POINT',
      /points\[0\] is 3/,
    ],
    [
      'a bad stream',
      () => vectorObjective(square, [1]).evaluate(undefined, [{ stream: -1n, scale: 1 }]),
      'ERR_ZEST_STREAM',
      /is -1/,
    ],
    [
      'a bad update',
      () => vectorObjective(square, [1]).apply({ decay: Number.NaN, terms: [] }),
      'ERR_ZEST_UPDATE',
      /decay is NaN/,
    ],
    [
      'a function of text',
      () => vectorObjective(() => '1' as never, [1]).evaluate(undefined, [[]]),
      'ERR_ZEST_ARGUMENT',
      /f returned '1'; expected a number/,
    ],
  ])('takes no %s', async (_, call, code, text) => {
    await rejects(call, code, text);
  });
});

describe('noise', () => {
  it('is one sequence, whichever part is asked for', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        fc.nat(2 ** 40),
        fc.nat(300),
        fc.nat(300),
        fc.constantFrom('gaussian', 'rademacher'),
        (seed, stream, offset, skip, length, law) => {
          const whole = noise({ seed, stream, offset, length: skip + length, law });
          expect(noise({ seed, stream, offset: offset + skip, length, law })).toEqual(whole.slice(skip));
        },
      ),
    );
  });

  it.each<[string, object, string, RegExp]>([
    ['seed', { seed: -1 }, 'ERR_ZEST_DIRECTIONS', /seed is -1/],
    ['seed', { seed: Number.NaN }, 'ERR_ZEST_DIRECTIONS', /seed is NaN/],
    ['stream', { stream: 2n ** 63n }, 'ERR_ZEST_STREAM', /stream is/],
    ['stream', { stream: 1 }, 'ERR_ZEST_STREAM', /expected a bigint/],
    ['offset', { offset: -1 }, 'ERR_ZEST_ARGUMENT', /offset is -1/],
    ['offset', { offset: Number.NaN }, 'ERR_ZEST_ARGUMENT', /offset is NaN/],
    ['length', { length: 0.5 }, 'ERR_ZEST_ARGUMENT', /length is 0.5/],
    ['length', { length: 2 ** 31 }, 'ERR_ZEST_ARGUMENT', /2\^30/],
    ['law', { law: 'sphere' }, 'ERR_ZEST_DIRECTIONS', /law is 'sphere'/],
  ])('takes no bad %s (%o)', async (_, changes, code, text) => {
    await rejects(() => noise({ seed: 0, stream: 0n, offset: 0, length: 4, ...changes }), code, text);
  });

  it('leaves timers and signals their turn, however many steps wait for nothing', async () => {
    const bowl = vectorObjective(([x = 0]) => x * x, [1]);
    const optimizer = mezo({ learningRate: 1e-6 });
    const signal = AbortSignal.timeout(50);
    const steps = async () => {
      for (let i = 0; i < 200_000; i++) await optimizer.step(bowl, undefined, { signal });
    };
    await expect(steps()).rejects.toThrow(expect.objectContaining({ name: 'TimeoutError' }));
  });
});

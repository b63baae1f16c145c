import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import type { NativeEngine } from '../../lib/native/binding.ts';
import { loadNative, native } from '../../lib/native/load.ts';
import type { Law } from '../../lib/objective.ts';
import { type NoiseOptions, noise } from '../../lib/objectives/noise.ts';
import { film, nameOf } from '../fixtures/film.ts';
import { engineOptions } from '../fixtures/native-spec.ts';
import { rejects } from '../fixtures/rejects.ts';

// Vectors from test/fixtures/noise/reference.py, an implementation of docs/noise.md that shares nothing with the engine.

interface Place {
  seed: string;
  stream: string;
  offset: string;
  values: string[];
}
interface Direction {
  law: Law;
  name: string;
  first: string[];
  last: string[];
  sha256: string;
}
interface Vectors {
  gaussian: Place[];
  rademacher: Place[];
  model: {
    seed: string;
    stream: string;
    parameters: { name: string; rows: number; columns: number; matrix: boolean; trainable: boolean }[];
    directions: Direction[];
  };
  film: { seed: string; stream: string; directions: Direction[] };
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../fixtures/noise/vectors.json', import.meta.url), 'utf8'));

const hex = (values: Float32Array): string[] =>
  [...new Uint32Array(values.buffer, values.byteOffset, values.length)].map((v) => v.toString(16).padStart(8, '0'));
const directionsOf = (seed: string, law: Law) => ({
  seed: BigInt(seed),
  law: typeof law === 'string' ? law : ('lowRank' as const),
  rank: typeof law === 'string' ? 0 : law.lowRank,
  ...(typeof law === 'object' && { keep: BigInt(law.keep ?? 1), core: law.core ?? false }),
});

describe.each(['gaussian', 'rademacher'] as const)('%s noise', (law) => {
  const places = vectors[law].filter(({ offset }) => Number.isSafeInteger(Number(offset)));

  it.each(places)('is as specified from seed $seed, stream $stream, offset $offset', ({ values, ...place }) => {
    const options = { seed: BigInt(place.seed), stream: BigInt(place.stream), offset: Number(place.offset), law };
    expect(hex(noise({ ...options, length: values.length }))).toEqual(values);
  });

  it('is as specified at addresses beyond the safe integers', () => {
    const beyond = vectors[law].filter((place) => !places.includes(place));
    expect(beyond.length).toBeGreaterThan(0);
    for (const { seed, stream, offset, values } of beyond) {
      const at = [BigInt(seed), BigInt(stream), BigInt(offset)] as const;
      expect(hex(native().noise(...at, values.length, law))).toEqual(values);
    }
  });

  it('does not depend on where a range starts or ends', () => {
    const whole = noise({ seed: 5, stream: 6n, offset: 0, length: 1000, law });
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (a, b) => {
        const [offset, end] = a < b ? [a, b] : [b, a];
        const part = noise({ seed: 5, stream: 6n, offset, length: end - offset, law });
        expect(hex(part)).toEqual(hex(whole.slice(offset, end)));
      }),
    );
  });
});

describe('noise()', () => {
  const valid: NoiseOptions = { seed: 1, stream: 2n, offset: 3, length: 4 };

  it('is Gaussian by default, and takes a seed of either type', () => {
    expect(hex(noise(valid))).toEqual(hex(noise({ ...valid, seed: 1n, law: 'gaussian' })));
    expect(noise({ ...valid, length: 0 })).toEqual(new Float32Array());
  });

  it.each<[keyof NoiseOptions, unknown, string]>([
    ...[-1, 0.5, 2 ** 53, Number.NaN, -1n, 2n ** 64n, '1', null, undefined].map(
      (seed): [keyof NoiseOptions, unknown, string] => ['seed', seed, 'ERR_ZEST_DIRECTIONS'],
    ),
    ...[-1n, 2n ** 63n, 1, '1', undefined].map((stream): [keyof NoiseOptions, unknown, string] => [
      'stream',
      stream,
      'ERR_ZEST_STREAM',
    ]),
    ...[-1, 0.5, 2 ** 53, Number.NaN, 1n, '1', undefined].flatMap((value): [keyof NoiseOptions, unknown, string][] => [
      ['offset', value, 'ERR_ZEST_ARGUMENT'],
      ['length', value, 'ERR_ZEST_ARGUMENT'],
    ]),
    ['length', 2 ** 30 + 1, 'ERR_ZEST_ARGUMENT'],
    ...['sphere', 'normal', '', 'toString', null, 0, { lowRank: 1 }].map(
      (law): [keyof NoiseOptions, unknown, string] => ['law', law, 'ERR_ZEST_DIRECTIONS'],
    ),
  ])('refuses %s %o', async (name, value, code) => {
    await rejects(() => noise({ ...valid, [name]: value } as never), code, new RegExp(`^${name} .*expected`));
  });

  it('fills an array that is there, from its beginning', () => {
    const into = new Float32Array(10).fill(7);
    expect(noise({ ...valid, into })).toBe(into);
    expect(hex(into)).toEqual(hex(noise({ ...valid, length: 4 })).concat(hex(new Float32Array(6).fill(7))));
    const { length, ...place } = valid;
    expect(hex(noise({ ...place, into }))).toEqual(hex(noise({ ...valid, length: 10 })));
  });

  it('is the same from one thread and from several', () => {
    const length = 2 ** 19 + 77;
    const whole = noise({ ...valid, length });
    for (const offset of [0, 2 ** 16 - 3, 2 ** 18 + 5, length - 40]) {
      const part = noise({ ...valid, offset: valid.offset + offset, length: 40 });
      expect(hex(whole.slice(offset, offset + 40))).toEqual(hex(part));
    }
  });

  it.each([
    ['no Float32Array', new Float64Array(4)],
    ['too short', new Float32Array(3)],
    ['an array', [1, 2, 3, 4]],
    ['null', null],
  ])('refuses to fill what is %s', async (_, into) => {
    await rejects(() => noise({ ...valid, into } as never), 'ERR_ZEST_ARGUMENT', /^into is .*expected a Float32Array/);
  });

  it('refuses to be called without options', async () => {
    await rejects(() => noise(undefined as never), 'ERR_ZEST_OPTION', /^options is .*expected keys/);
  });
});

describe('directions of the model in docs/noise.md', () => {
  let engine: NativeEngine;
  beforeAll(async () => {
    const initial = { decays: false, file: '', offset: 0, fileType: 'F32', initialScale: 0, initialSeed: 0n } as const;
    const parameters = vectors.model.parameters.map((p) => ({
      ...p,
      ...initial,
      initialOffset: 0,
      interleavedHeads: 0,
      asStored: false,
    }));
    engine = native().createEngine({ ...engineOptions(parameters), threads: 2 });
    await engine.load(undefined, native().createAbort());
  });
  afterAll(() => engine?.dispose());

  it.each(vectors.model.directions.map((d) => [nameOf(d.law), d.name, d] as const))('%s, %s', async (_, name, d) => {
    const index = vectors.model.parameters.findIndex((parameter) => parameter.name === name);
    const { seed, stream } = vectors.model;
    const v = await engine.direction(directionsOf(seed, d.law), BigInt(stream), index);
    expect([hex(v.slice(0, 3)), hex(v.slice(-3))]).toEqual([d.first, d.last]);
  });
});

describe('directions of models/film-roberta-mini', () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(film);
  });
  afterAll(() => model?.dispose());

  it.each(vectors.film.directions.map((d) => [nameOf(d.law), d.name, d] as const))('%s, %s', async (_, name, d) => {
    const directions = { seed: BigInt(vectors.film.seed), law: d.law };
    const v = await model.direction(BigInt(vectors.film.stream), name, { directions });
    expect([hex(v.slice(0, 3)), hex(v.slice(-3))]).toEqual([d.first, d.last]);
    expect(
      createHash('sha256')
        .update(new Uint8Array(v.buffer, v.byteOffset, v.byteLength))
        .digest('hex'),
    ).toBe(d.sha256);
  });
});

describe('the instruction set', () => {
  const addon = loadNative().file;
  const place = vectors.gaussian[2]!;
  /** What a process with that ZEST_ISA says of itself, with some noise; or the code of its error. */
  const child = (ZEST_ISA: string | undefined): { used: string; available: string[]; values: string[] } | string => {
    const program = `
      const addon = require(${JSON.stringify(addon)});
      try {
        const values = addon.noise(${place.seed}n, ${place.stream}n, ${place.offset}n, 8, 'gaussian');
        console.log(JSON.stringify({ ...addon.isa(), values: [...new Uint32Array(values.buffer)] }));
      } catch (error) {
        console.log(JSON.stringify(error.code));
      }`;
    const env: NodeJS.ProcessEnv = { ...process.env, ZEST_ISA };
    if (ZEST_ISA === undefined) delete env.ZEST_ISA;
    return JSON.parse(execFileSync(process.execPath, ['-e', program], { env, encoding: 'utf8' }));
  };
  const expected = place.values.map((bits) => Number.parseInt(bits, 16));

  /** What the processor has, best first, from the kernel's list of its features. */
  const had = (): string[] => {
    if (process.arch === 'arm64') return ['neon', 'portable'];
    const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
    const has = (...names: string[]): boolean => process.arch === 'x64' && names.every((name) => flags.has(name));
    const avx2 = has('avx2', 'fma');
    const avx512 = avx2 && has('avx512f', 'avx512vl', 'avx512dq', 'avx512bw');
    return [...(avx512 ? ['avx512'] : []), ...(avx2 ? ['avx2'] : []), 'portable'];
  };
  const linux = process.platform === 'linux';

  it.runIf(linux)('is the best that the processor has', () => {
    expect(child(undefined)).toEqual({ used: had()[0], available: had(), values: expected });
  });

  it.each(native().isa().available)('%s runs where ZEST_ISA asks for it, and makes the same noise', (name) => {
    expect(child(name)).toMatchObject({ used: name, values: expected });
  });

  it('that is unknown or not there is an error', () => {
    const missing = ['avx512', 'avx2', 'neon'].filter((name) => !native().isa().available.includes(name));
    for (const name of ['sse2', 'AVX2', ...missing]) expect(child(name)).toBe('ERR_ZEST_ISA');
  });
});

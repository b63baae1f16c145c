import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NativeEngine } from '../lib/native/binding.ts';
import { native } from '../lib/native/load.ts';
import { NAMES } from '../lib/native/names.ts';
import { engineOptions, noLinear } from './fixtures/native-spec.ts';
import { rejects } from './fixtures/rejects.ts';

// lib/native/binding.ts says what the addon is; here the addon says the same.

const source = ts.createSourceFile(
  'binding.ts',
  readFileSync(new URL('../lib/native/binding.ts', import.meta.url), 'utf8'),
  ts.ScriptTarget.ESNext,
);
const methodsOf = (name: string): string[] => {
  const found = source.statements.find(
    (node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === name,
  );
  return (found?.members ?? []).map((member) => member.name?.getText(source) ?? '').sort();
};
const exported = (value: object): string[] =>
  Object.getOwnPropertyNames(value)
    .filter((name) => name !== 'constructor')
    .sort();

const vector = (name: string, columns: number) => ({
  ...{
    name,
    rows: 1,
    columns,
    matrix: false,
    trainable: true,
    decays: false,
    asStored: false,
    file: '',
    offset: 0,
    fileType: 'F32' as const,
  },
  ...{ initialScale: 1, initialSeed: 5n, initialOffset: 0, interleavedHeads: 0 },
});
const options = engineOptions([vector('a', 200), vector('b', 3)]);
const { spec } = options;
const directions = { seed: 3n, law: 'gaussian' as const, rank: 0 };
const points = { termStarts: Int32Array.of(0), streams: new BigUint64Array(), scales: new Float32Array() };

describe('the addon', () => {
  let engine: NativeEngine;
  beforeAll(async () => {
    engine = native().createEngine(options);
    await engine.load(undefined, native().createAbort());
  });

  it('exports what the contract says, and nothing else', () => {
    expect(exported(native())).toEqual(methodsOf('NativeBinding'));
    expect(exported(Object.getPrototypeOf(engine))).toEqual(methodsOf('NativeEngine'));
    expect(exported(Object.getPrototypeOf(native().createAbort()))).toEqual(methodsOf('NativeAbort'));
    expect(methodsOf('NativeEngine')).toContain('sequenceLosses');
  });

  it('knows the names of its enums that lib/native/names.ts has, and says which there are', async () => {
    expect(native().names).toEqual(NAMES);
    const law = 'gauss' as 'gaussian';
    const options = /^law is 'gauss'; expected gaussian, sphere, rademacher, lowRank$/;
    await rejects(() => native().vectorDirection({ ...directions, law }, 0n, 1), 'ERR_ZEST_OPTION', options);
    await rejects(() => native().noise(0n, 0n, 0n, 1, law), 'ERR_ZEST_OPTION', options);
  });

  it('makes new parameters from their seed, and reads and moves them', async () => {
    const before = await engine.parameter(0);
    expect(before).toEqual(native().noise(5n, 0n, 0n, 200, 'gaussian'));
    const update = {
      rule: 'plain' as const,
      decay: 0,
      streams: BigUint64Array.of(9n),
      coefficients: Float32Array.of(1),
    };
    await engine.apply(directions, update, native().createAbort());
    const v = await engine.direction(directions, 9n, 0);
    expect(v).toEqual(native().noise(3n, 9n, 0n, 200, 'gaussian'));
    expect(await engine.parameter(0)).toEqual(before.map((w, i) => w - (v[i] as number)));
    expect(engine.version()).toBe(1n);
  });

  it('copies what it is given', async () => {
    const streams = BigUint64Array.of(1n);
    const coefficients = Float32Array.of(1);
    const [a, b] = [native().createEngine(options), native().createEngine(options)];
    const abort = native().createAbort();
    await Promise.all([a.load(undefined, abort), b.load(undefined, abort)]);
    const update = { rule: 'plain' as const, decay: 0, streams, coefficients };
    const moved = a.apply(directions, update, abort);
    streams.fill(7n);
    coefficients.fill(100);
    structuredClone(coefficients, { transfer: [coefficients.buffer] });
    await moved;
    await b.apply(directions, { ...update, streams: BigUint64Array.of(1n), coefficients: Float32Array.of(1) }, abort);
    expect(await a.digest()).toBe(await b.digest());
  });

  const batch = (changes: object = {}) => ({
    ids: Int32Array.of(1, 2, 3),
    starts: Int32Array.of(0, 3),
    segments: new Int32Array(),
    scored: Int32Array.of(0, 1, 0, 0, 2),
    candidates: Int32Array.of(1, 2),
    loss: 'crossEntropy' as const,
    references: new Float32Array(),
    parents: new Int32Array(),
    examples: new Int32Array(),
    ...changes,
  });
  it.each<[string, object]>([
    ['ids out of range', { ids: Int32Array.of(1, 7, 3) }],
    ['ids below 0', { ids: Int32Array.of(-1, 2, 3) }],
    ['starts beyond the ids', { starts: Int32Array.of(0, 9) }],
    ['starts that fall', { starts: Int32Array.of(0, 3, 1, 3) }],
    ['no starts', { starts: new Int32Array() }],
    ['too few segments', { segments: Int32Array.of(0) }],
    ['segments out of range', { segments: Int32Array.of(0, 1, 0) }],
    ['a sequence out of range', { scored: Int32Array.of(1, 1, 0, 0, 2) }],
    ['a position out of range', { scored: Int32Array.of(0, 3, 0, 0, 2) }],
    ['a label out of range', { scored: Int32Array.of(0, 1, 2, 0, 2) }],
    ['candidates out of range', { scored: Int32Array.of(0, 1, 0, 0, 3) }],
    ['candidates beyond the head', { candidates: Int32Array.of(1, 7) }],
    ['floats for ids', { ids: Float32Array.of(1, 2, 3) }],
    ['an array for ids', { ids: [1, 2, 3] }],
    ['no candidates', { candidates: undefined }],
  ])('refuses a batch with %s', async (_, changes) => {
    const abort = native().createAbort();
    await fails(() => engine.evaluate(directions, batch(changes) as never, points, 0, -1n, abort));
  });

  it('refuses other values of the wrong kind', async () => {
    const abort = native().createAbort();
    const update = {
      rule: 'plain' as const,
      decay: 0,
      streams: BigUint64Array.of(1n),
      coefficients: new Float32Array(),
    };
    const calls: (() => unknown)[] = [
      () => engine.parameter(2),
      () => engine.parameter(-1),
      () => engine.parameter('a' as never),
      () => engine.direction(directions, -1n, 0),
      () => engine.direction(directions, 1 as never, 0),
      () => engine.apply(directions, update, abort),
      () => engine.apply(undefined as never, update, abort),
      () => engine.apply(directions, { ...update, streams: new BigUint64Array() }, {} as never),
      () => engine.apply(directions, { ...update, streams: new BigUint64Array() }, engine as never),
      () => engine.evaluate(directions, batch(), { ...points, termStarts: Int32Array.of(0, 5) }, 0, -1n, abort),
      () => engine.writeFile('x', new Uint8Array(), Int32Array.of(2)),
      () => engine.writeFile(undefined as never, new Uint8Array(), new Int32Array()),
      () => native().createEngine(undefined as never),
      () => native().createEngine({ ...options, spec: { ...spec, headDense: { ...noLinear, weight: 2 } } }),
      () => native().createEngine({ ...options, spec: { ...spec, headOutput: { ...noLinear, adapterA: 2 } } }),
      () => native().createEngine({ ...options, spec: { ...spec, wordEmbeddings: 5 } }),
      () => native().noise(0n, 0n, 0n, -1, 'gaussian'),
      () => native().coefficients([] as never, {} as never),
      () => native().vectorDirection({} as never, 0n, 1),
      () => Object.getPrototypeOf(engine).digest.call({}),
    ];
    for (const call of calls) await fails(call);
    expect(await engine.parameter(1)).toHaveLength(3);
  });

  it('rejects calls that need weights before they are loaded', async () => {
    const empty = native().createEngine(options);
    await rejects(() => empty.digest(), 'ERR_ZEST_INTERNAL', /no weights/);
    empty.dispose();
    await rejects(() => empty.digest(), 'ERR_ZEST_DISPOSED', /disposed/);
  });

  it('cannot have more memory than there is', async () => {
    const huge = native().createEngine({ ...options, spec: { ...spec, parameters: [vector('a', 2 ** 50)] } });
    await rejects(() => huge.load(undefined, native().createAbort()), 'ERR_ZEST_MEMORY', /memory/);
  });

  it('says which instruction set it uses', () => {
    const { used, available } = native().isa();
    expect(available).toContain(used);
    expect(available.at(-1)).toBe('portable');
  });
});

/** Fails as it should: with an error, not with the process. */
async function fails(call: () => unknown): Promise<void> {
  await expect((async () => call())()).rejects.toBeInstanceOf(Error);
}

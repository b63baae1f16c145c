import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { film, filmBatch } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32, fileOf, type Written } from '../fixtures/safetensors.ts';
import { tinyClassifier, tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { load, folderOf, logits } = modelTests();

const renamed = (tensors: Record<string, Written>, change: (name: string) => string): Record<string, Written> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [change(name), tensor]));

describe('a checkpoint', () => {
  it('says what it is', async () => {
    const model = await load(film);
    expect(model).toMatchObject({
      ...{ family: 'roberta', device: 'cpu', dtype: 'float32', vocabularySize: 8192, maxLength: 256 },
      ...{ dimension: 3_448_064, parameterCount: 3_448_064, version: 0n, forwards: 0n },
      directions: { seed: 0, law: 'gaussian' },
    });
  });

  it('has its parameters in the order of the bytes of their names', async () => {
    const names = (await load(film)).parameterNames;
    expect(names).toHaveLength(74);
    expect(names).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    // Upper case before lower, and bytes, not UTF-16 units: U+FF5E before U+1F600.
    const strange = {
      'bert.z': f32([1], [1]),
      'bert.Z': f32([1], [1]),
      'x\u{1F600}': f32([1], [1]),
      'x\uFF5E': f32([1], [1]),
    };
    const sorted = (await load(folderOf({ ...strange, ...tinyTensors() }))).parameterNames;
    expect(sorted.indexOf('bert.Z')).toBe(0);
    expect(sorted.slice(-2)).toEqual(['x\uFF5E', 'x\u{1F600}']);
  });

  it('may lack the prefix of its encoder and have the old names of norms', async () => {
    const expected = await logits(folderOf(tinyTensors()));
    const bare = (name: string) => name.replace(/^bert\./, '');
    const old = (name: string) =>
      name.replace(/LayerNorm.weight$/, 'LayerNorm.gamma').replace(/LayerNorm.bias$/, 'LayerNorm.beta');
    expect(await logits(folderOf(renamed(tinyTensors(), bare)))).toEqual(expected);
    expect(await logits(folderOf(renamed(tinyTensors(), old)))).toEqual(expected);
    expect(await logits(folderOf(renamed(tinyTensors(), (name) => bare(old(name)))))).toEqual(expected);
  });

  it.each([['module.'], ['_orig_mod.'], ['base_model.model.'], ['module._orig_mod.'], ['model.'], ['my_own.encoder.']])(
    'may have %s before every name',
    async (wrapper) => {
      const expected = await logits(folderOf(tinyTensors()));
      expect(await logits(folderOf(renamed(tinyTensors(), (name) => wrapper + name)))).toEqual(expected);
      const bare = (name: string) => wrapper + name.replace(/^bert\./, '');
      const folder = folderOf(renamed(tinyTensors(), bare));
      expect(await logits(folder)).toEqual(expected);
      expect((await load(folder)).parameterNames).toContain('embeddings.word_embeddings.weight');
    },
  );

  it('may have another prefix before the names of its encoder', async () => {
    const change = (name: string) => name.replace(/^bert\./, 'roberta.');
    expect(await logits(folderOf(renamed(tinyTensors(), change)))).toEqual(await logits(folderOf(tinyTensors())));
  });

  it('may not be of a model that still has its adapter', async () => {
    const change = (name: string) => name.replace('query.weight', 'query.base_layer.weight');
    const adapted = folderOf(renamed(tinyTensors(), (name) => `base_model.model.${change(name)}`));
    await rejects(() => load(adapted), 'ERR_ZEST_UNSUPPORTED', /query.base_layer.weight.*merge_and_unload/);
  });

  it('may have the bias of its decoder under the other name only', async () => {
    const change = (name: string) => name.replace('predictions.bias', 'predictions.decoder.bias');
    expect(await logits(folderOf(renamed(tinyTensors(), change)))).toEqual(await logits(folderOf(tinyTensors())));
  });

  it('keeps tensors that no loss reads, and does not train them', async () => {
    const unread = {
      'cls.seq_relationship.weight': f32([2, 6], Array(12).fill(1)),
      'a.cube': f32([2, 3, 4], Array(24).fill(5)),
      scalar: f32([], [7]),
    };
    const tensors = { ...tinyTensors(), ...tinyClassifier(), ...unread };
    const model = await load(folderOf(tensors));
    const plain = await load(folderOf(tinyTensors()));
    expect(model.parameterNames).toEqual(Object.keys(tensors).sort());
    expect(model.dimension).toBe(plain.dimension);
    expect(model.parameterCount).toBe(plain.dimension + 12 + 24 + 1 + 36 + 6 + 18 + 3);
    await model.apply({ decay: 0.5, terms: [{ stream: 0n, coefficient: 1 }] });
    expect([...(await model.parameter('a.cube'))]).toEqual(Array(24).fill(5));
    expect([...(await model.parameter('scalar'))]).toEqual([7]);
    expect(new Set(await model.direction(0n, 'a.cube'))).toEqual(new Set([0]));
    expect(new Set(await model.direction(0n, 'cls.predictions.bias')).size).toBe(11);
  });

  it('may hold tensors of other types, as long as nothing needs them', async () => {
    const integers = { dtype: 'I64', shape: [1, 8], bytes: new Uint8Array(64) };
    const doubles = { dtype: 'F64', shape: [2], bytes: new Uint8Array(16) };
    const empty = f32([0, 6], []);
    const extra = { 'bert.embeddings.position_ids': integers, 'cls.seq_relationship.bias': doubles, nothing: empty };
    const model = await load(folderOf({ ...extra, ...tinyTensors() }));
    expect(model.parameterNames).toEqual(Object.keys(tinyTensors()).sort());
    const needed = {
      ...tinyTensors(),
      'cls.predictions.bias': { dtype: 'F64', shape: [11], bytes: new Uint8Array(88) },
    };
    await rejects(
      () => load(folderOf(needed)),
      'ERR_ZEST_TENSOR_DTYPE',
      /model.safetensors: tensor 'cls.predictions.bias' has dtype F64/,
    );
  });

  it('may have NaN in what no loss reads, which is left out with a warning', async () => {
    const bad = (shape: number[]) => f32(shape, Array(shape.reduce((a, b) => a * b)).fill(Number.NaN));
    const pooler = { 'bert.pooler.dense.weight': bad([6, 6]), 'bert.pooler.dense.bias': bad([6]) };
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    const folder = folderOf(renamed({ ...tinyTensors(), ...pooler }, (name) => `module.${name}`));
    expect(await logits(folder)).toEqual(await logits(folderOf(tinyTensors())));
    expect((await load(folder)).parameterNames).toEqual(Object.keys(tinyTensors()).sort());
    await new Promise((done) => setImmediate(done));
    process.off('warning', listen);
    const names = warnings.map(({ message }) => /model.safetensors: tensor '([^']*)' holds/.exec(message)?.[1]);
    expect(new Set(names)).toEqual(new Set(Object.keys(pooler)));
  });

  it('may have more layers than are used, which is warned of', async () => {
    const extra = Object.entries(tinyTensors()).map(([name, tensor]) => [name.replace('layer.0.', 'layer.3.'), tensor]);
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const model = await load(folderOf({ ...Object.fromEntries(extra), ...tinyTensors() }));
    expect(model.dimension).toBe((await load(folderOf(tinyTensors()))).dimension);
    expect(await warned).toMatchObject({
      code: 'WARN_ZEST_LAYERS',
      message: expect.stringContaining('num_hidden_layers is 1, and the checkpoint has 4 layers'),
    });
  });

  it('may have more of them than a call has arguments', async () => {
    const extra = Array.from({ length: 130_000 }, (_, i) => [`bert.encoder.layer.${i + 1}.x`, f32([1], [0])]);
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    await load(folderOf({ ...tinyTensors(), ...Object.fromEntries(extra) }));
    expect((await warned).message).toContain('the checkpoint has 130001 layers');
  });

  it('says which tensor is missing, of the wrong shape, or not finite', async () => {
    const { 'bert.encoder.layer.0.output.dense.weight': gone, ...rest } = tinyTensors();
    await rejects(
      () => load(folderOf(rest)),
      'ERR_ZEST_TENSOR_MISSING',
      /'bert.encoder.layer.0.output.dense.weight' is missing/,
    );
    const turned = { ...rest, 'bert.encoder.layer.0.output.dense.weight': { ...gone, shape: [5, 6] } as Written };
    await rejects(
      () => load(folderOf(turned)),
      'ERR_ZEST_TENSOR_SHAPE',
      /'bert.encoder.layer.0.output.dense.weight' has shape \[5,6\].*\[6,5\]/,
    );
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const bad = { ...tinyTensors(), 'cls.predictions.bias': f32([11], Array(11).fill(value)) };
      await rejects(
        () => load(folderOf(bad)),
        'ERR_ZEST_TENSOR_VALUE',
        /model.safetensors: tensor 'cls.predictions.bias'/,
      );
    }
  });
});

it('bfloat16 rounds to nearest, and reads what it stored', async () => {
  const folder = folderOf({
    ...tinyTensors(),
    'cls.predictions.bias': f32([11], [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, ...Array(8).fill(1 / 3)]),
  });
  const model = await load(folder, { dtype: 'bfloat16' });
  expect([...(await model.parameter('cls.predictions.bias'))].slice(0, 4)).toEqual([1, 1, 1 + 2 ** -6, 0.333984375]);
});

it('what bfloat16 would round to infinity is an error there, and the largest that it holds is not', async () => {
  const largest = 2 ** 127 * (2 - 2 ** -7);
  const least = 2 ** 127 * (2 - 2 ** -8); // That rounds to infinity.
  const below = least - 2 ** 104;
  const of = (value: number) =>
    folderOf({ ...tinyTensors(), 'cls.predictions.bias': f32([11], [0, 0, value, ...Array(8).fill(0)]) });
  for (const value of [largest, -below]) {
    const model = await load(of(value), { dtype: 'bfloat16' });
    expect((await model.parameter('cls.predictions.bias'))[2]).toBe(Math.sign(value) * largest);
  }
  for (const value of [least, -3.4028e38]) {
    await rejects(
      () => load(of(value), { dtype: 'bfloat16' }),
      'ERR_ZEST_TENSOR_VALUE',
      /'cls.predictions.bias' holds a value too large for bfloat16, at element 2; load it as float32/,
    );
    expect((await (await load(of(value))).parameter('cls.predictions.bias'))[2]).toBe(Math.fround(value));
  }
});

it('a truncated file is an error, also when it is cut after its header was read', async () => {
  const folder = folderOf(tinyTensors());
  writeFileSync(
    join(folder, 'model.safetensors'),
    fileOf({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Uint8Array(7)),
  );
  await rejects(() => load(folder), 'ERR_ZEST_SAFETENSORS', /tensor 'x' lies at bytes 0 to 8, outside the 7 bytes/);
  expect((await (await load(film)).evaluate(filmBatch([4]), [[]])).length).toBe(1);
});

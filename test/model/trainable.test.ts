import { describe, expect, it } from 'vitest';
import type { Trainable } from '../../lib/model/trainable.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32 } from '../fixtures/safetensors.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { load, folderOf } = modelTests();

/** The parameters that an update moves. */
const moved = async (trainable: Trainable, tensors = tinyTensors(), config: object = {}): Promise<string[]> => {
  const model = await load(folderOf(tensors, config), { trainable });
  const before = await Promise.all(model.parameterNames.map((name) => model.parameter(name)));
  await model.apply({ decay: 0, terms: [{ stream: 3n, coefficient: 1 }] });
  const after = await Promise.all(model.parameterNames.map((name) => model.parameter(name)));
  const names = model.parameterNames.filter((_, i) => String(before[i]) !== String(after[i]));
  const size = names.reduce((sum, name) => sum + (before[model.parameterNames.indexOf(name)]?.length ?? 0), 0);
  expect(model.dimension).toBe(size);
  return names;
};

describe('trainable', () => {
  const all = Object.keys(tinyTensors()).sort();

  it("'all' is what the loss reads", async () => {
    expect(await moved('all')).toEqual(all);
  });

  it("'bias' is the biases of layers and norms, by any name", async () => {
    const biases = all.filter((name) => name.endsWith('bias'));
    expect(biases).toHaveLength(12);
    expect(await moved('bias')).toEqual(biases);
    const change = (name: string) =>
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta');
    const old = Object.fromEntries(Object.entries(tinyTensors()).map(([name, tensor]) => [change(name), tensor]));
    expect(await moved('bias', old)).toEqual(biases.map(change).sort());
  });

  it("'head' leaves out a decoder that is tied", async () => {
    const head = all.filter((name) => name.startsWith('cls'));
    expect(await moved('head')).toEqual(head);
    const decoder = 'cls.predictions.decoder.weight';
    const tensors = { ...tinyTensors(), [decoder]: f32([11, 6], Array(66).fill(1)) };
    expect(await moved('head', tensors, { tie_word_embeddings: false })).toEqual([...head, decoder].sort());
  });

  it('takes globs', async () => {
    const attention = all.filter((name) => /attention\.self.*weight$/.test(name));
    expect(await moved({ include: ['*attention.self*'], exclude: ['*.bias'] })).toEqual(attention);
    expect(await moved({ include: ['cls.predictions.bias', 'bert.encoder.layer.?.output.dense.weight'] })).toEqual([
      ...['bert.encoder.layer.0.output.dense.weight', 'cls.predictions.bias'],
    ]);
    expect(await moved({ exclude: ['bert.*'] })).toEqual(all.filter((name) => name.startsWith('cls')));
  });

  it('draws the same noise for a parameter whatever else is trained', async () => {
    const name = 'roberta.encoder.layer.2.output.dense.bias';
    for (const law of ['gaussian', 'rademacher'] as const) {
      const [whole, part] = [
        await load(film, { directions: { law } }),
        await load(film, { directions: { law }, trainable: 'bias' }),
      ];
      expect(await part.direction(77n, name)).toEqual(await whole.direction(77n, name));
    }
    const sphere = await load(film, { directions: { law: 'sphere' }, trainable: { include: ['lm_head.*'] } });
    const values = await Promise.all(sphere.parameterNames.map((parameter) => sphere.direction(1n, parameter)));
    const norm = values.reduce((sum, v) => sum + v.reduce((s, x) => s + x * x, 0), 0);
    expect(norm / sphere.dimension).toBeCloseTo(1, 6);
  });

  it('is named in the digest', async () => {
    const digests = new Set<string>();
    for (const trainable of ['all', 'bias', 'head'] as const)
      digests.add(await (await load(film, { trainable })).digest());
    expect(digests.size).toBe(3);
    for (const digest of digests) expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('decays neither biases nor norms', async () => {
    const model = await load(folderOf(tinyTensors()));
    for (const name of all) {
      const before = await model.parameter(name);
      await model.apply({ decay: 0.5, terms: [] });
      const after = await model.parameter(name);
      const decays = !/bias$|LayerNorm/.test(name);
      expect([...after]).toEqual([...before].map((w) => (decays ? Math.fround(w - Math.fround(0.5 * w)) : w)));
    }
  });

  it.each<[string, unknown, string, RegExp]>([
    ['an unknown word', 'nothing', 'ERR_ZEST_TRAINABLE', /trainable is 'nothing'/],
    ['null', null, 'ERR_ZEST_TRAINABLE', /trainable is null/],
    ['globs that are text', { include: 'cls.*' }, 'ERR_ZEST_TRAINABLE', /trainable.include is 'cls/],
    [
      'a glob that is a number',
      { exclude: [3] },
      'ERR_ZEST_TRAINABLE',
      /trainable is \{ exclude: \[ 3 \] \}; expected all/,
    ],
    ['an unknown key', { only: ['cls.*'] }, 'ERR_ZEST_TRAINABLE', /trainable is \{ only: .*; expected all/],
    [
      'a glob without a match',
      { include: ['cls.*', 'lm_head.*'] },
      'ERR_ZEST_TRAINABLE',
      /'lm_head.\*' matches no parameter/,
    ],
    [
      'an exclusion without a match',
      { exclude: ['lm_head.*'] },
      'ERR_ZEST_TRAINABLE',
      /trainable.exclude: 'lm_head.\*'/,
    ],
    [
      'a glob that is no regular expression',
      { include: ['cls.predictions.b[i]as'] },
      'ERR_ZEST_TRAINABLE',
      /matches no/,
    ],
    ['nothing left', { exclude: ['*'] }, 'ERR_ZEST_TRAINABLE', /no parameter to train/],
    [
      'nothing at all',
      { include: [] },
      'ERR_ZEST_TRAINABLE',
      /trainable.include is \[\]; expected a list of 1 or more/,
    ],
  ])('may not be, or have, %s', async (_, trainable, code, text) => {
    await rejects(() => load(folderOf(tinyTensors()), { trainable: trainable as Trainable }), code, text);
  });
});

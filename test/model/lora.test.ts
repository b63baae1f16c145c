import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LoraOptions } from '../../lib/model/adapter-options.ts';
import type { Batch } from '../../lib/model/batch.ts';
import type { Model } from '../../lib/model/model.ts';
import type { ModelStepOptions } from '../../lib/model/step.ts';
import type { Trainable } from '../../lib/model/trainable.ts';
import { bits, film, filmBatch, LAWS, nameOf } from '../fixtures/film.ts';
import { float32Bits, readTensors } from '../fixtures/parity/checkpoint.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32, type Written } from '../fixtures/safetensors.ts';
import { tinyClassifier, tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests, tinyBatch, tinyClasses } from '../fixtures/tiny-models.ts';
import { stepByHand } from './step-by-hand.ts';

const { scratch, load, folderOf } = modelTests();
const fresh = (): string => mkdtempSync(join(scratch, 'saved-'));
const lora = (changes: Partial<LoraOptions> = {}): { lora: LoraOptions } => ({
  lora: { rank: 2, alpha: 3, ...changes },
});
const update = { decay: 0, terms: [{ stream: 1n, coefficient: 0.25 }] };
const batch = filmBatch([9, 30, 4, 17]);
const step: ModelStepOptions = {
  ...{ directions: 2, firstStream: 40n, rho: 1e-3, learningRate: 1e-2, weightDecay: 0.1 },
  ...{ tilt: { tau: 1 }, estimator: 'naive', sides: 'two' },
};

const base = Object.keys(tinyTensors()).sort();
const layer = 'bert.encoder.layer.0';
const values = async (model: Model): Promise<Map<string, Float32Array>> =>
  new Map(await Promise.all(model.parameterNames.map(async (name) => [name, await model.parameter(name)] as const)));
const logits = async (model: Model, of = tinyBatch): Promise<number[]> =>
  (await model.logits(of)).flatMap((row) => [...row]);
const difference = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN))));
};

/** W + scale·B·A, each operation rounded to float32 by `round`; the sums are in order, from 0. */
const merged = (
  weights: Map<string, Float32Array>,
  module: string,
  rank: number,
  scale: number,
  round = Math.fround,
) => {
  const [w, a, b] = ['weight', 'lora_A.weight', 'lora_B.weight'].map((name) => weights.get(`${module}.${name}`)!);
  const columns = a!.length / rank;
  return Array.from(w!, (value, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum = round(sum + round(b![row * rank + r]! * a![r * columns + column]!));
    return round(value + round(scale * sum));
  });
};

describe('LoRA', () => {
  it('puts its tensors after those of the base, under the names of PEFT', async () => {
    const model = await load(folderOf(tinyTensors()), { trainable: lora() });
    const own = ['query', 'value'].flatMap((name) => [
      ...[`${layer}.attention.self.${name}.lora_A.weight`, `${layer}.attention.self.${name}.lora_B.weight`],
    ]);
    expect(model.parameterNames).toEqual([...base, ...own]);
    expect(model.dimension).toBe(2 * (2 * 6 + 6 * 2));
    const bare = Object.fromEntries(
      Object.entries(tinyTensors()).map(([name, tensor]) => [name.replace(/^bert\./, ''), tensor]),
    );
    const without = await load(folderOf(bare), { trainable: lora() });
    expect(without.parameterNames.slice(-4)).toEqual(own.map((name) => name.replace(/^bert\./, '')));
  });

  it('starts from N(0, 1 / (3·inputs)) and 0, by its seed', async () => {
    const options = { rank: 64, alpha: 16 };
    const [model, same, other] = [
      await load(film, { trainable: lora(options) }),
      await load(film, { trainable: lora({ ...options, seed: 0, targets: ['query', 'value'] }) }),
      await load(film, { trainable: lora({ ...options, seed: 1 }) }),
    ];
    const name = 'roberta.encoder.layer.2.attention.self.value';
    const a = await model.parameter(`${name}.lora_A.weight`);
    const mean = a.reduce((sum, x) => sum + x, 0) / a.length;
    const variance = a.reduce((sum, x) => sum + (x - mean) ** 2, 0) / a.length;
    // Standard errors: 0.02 of the variance at 64·192 elements, 3.8e-4 of the mean.
    expect(Math.abs(variance * 3 * 192 - 1)).toBeLessThan(0.06);
    expect(Math.abs(mean)).toBeLessThan(1.2e-3);
    expect(new Set(await model.parameter(`${name}.lora_B.weight`))).toEqual(new Set([0]));
    expect(await same.digest()).toBe(await model.digest());
    expect(await other.digest()).not.toBe(await model.digest());
  });

  it.each(['float32', 'bfloat16'] as const)(
    'computes what the base does, to the bit, before a step: %s',
    async (dtype) => {
      const [model, plain] = [
        await load(film, { dtype, trainable: lora({ targets: ['*'] }) }),
        await load(film, { dtype }),
      ];
      expect((await model.logits(batch)).map((row) => bits(row))).toEqual(
        (await plain.logits(batch)).map((row) => bits(row)),
      );
    },
  );

  const decoder = {
    'cls.predictions.decoder.weight': f32(
      [11, 6],
      Array.from({ length: 66 }, (_, i) => Math.sin(i)),
    ),
  };
  const words: Batch = {
    ...tinyBatch,
    targets: [
      { kind: 'labelWords', position: 2, words: [9, 1, 4], label: 0 },
      { kind: 'labelWords', position: 0, words: [3, 9], label: 1 },
    ],
  };
  it.each<[string, Record<string, Written>, object, Batch, number]>([
    ['a language model', {}, {}, tinyBatch, 7],
    ['some words of a decoder of its own', decoder, { tie_word_embeddings: false }, words, 8],
    ['a classifier', tinyClassifier(), { architectures: ['BertForSequenceClassification'] }, tinyClasses, 8],
  ])('computes what a dense model of W + (alpha / rank)·B·A does: %s', async (_, head, config, of, count) => {
    const tensors = { ...tinyTensors(), ...head };
    const model = await load(folderOf(tensors, config), { trainable: lora({ targets: ['*'] }) });
    await model.apply(update);
    const weights = await values(model);
    const dense: Record<string, Written> = { ...tensors };
    const modules = [...weights.keys()].filter((name) => name.includes('lora_A')).map((name) => name.slice(0, -14));
    expect(modules).toHaveLength(count);
    for (const module of modules) {
      const exact = merged(weights, module, 2, 1.5, (x) => x);
      dense[`${module}.weight`] = f32(dense[`${module}.weight`]!.shape, exact);
    }
    const expected = await logits(await load(folderOf(dense, config)), of);
    expect(difference(await logits(model, of), expected)).toBeLessThan(1e-5);
    expect(difference(await logits(await load(folderOf(tensors, config)), of), expected)).toBeGreaterThan(0.01);
    const folder = fresh();
    await model.save(folder);
    expect(difference(await logits(await load(folder), of), expected)).toBeLessThan(1e-5);
  });

  it.each(['float32', 'bfloat16'] as const)('is merged when saved, in %s', async (dtype) => {
    const model = await load(film, { dtype, trainable: lora({ targets: ['query', 'intermediate.dense'] }) });
    await model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 0.01 }] });
    const weights = await values(model);
    const folder = fresh();
    await model.save(folder);
    const saved = readTensors(folder);
    expect([...saved.keys()]).toEqual([...readTensors(film).keys()].sort());
    for (const [name, tensor] of saved) {
      const module = name.replace(/\.weight$/, '');
      const isTarget = /query|intermediate/.test(name) && name !== module;
      const whole = Float32Array.from(isTarget ? merged(weights, module, 2, 1.5) : weights.get(name)!);
      const expected = new Uint32Array(whole.buffer);
      // To the nearest bfloat16, ties to even.
      if (dtype === 'bfloat16')
        for (const [i, word] of expected.entries()) expected[i] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
      expect(Buffer.compare(Buffer.from(float32Bits(tensor).buffer), Buffer.from(expected.buffer)), name).toBe(0);
    }
    if (dtype === 'bfloat16') return;
    const again = await load(folder, { dtype });
    const [adapted, plain] = [await logits(model, batch), await logits(await load(film), batch)];
    expect(difference(adapted, plain)).toBeGreaterThan(0.01);
    const largest = Math.max(...adapted.map(Math.abs));
    expect(difference(await logits(again, batch), adapted) / largest).toBeLessThan(1e-5);
  });

  it('is not merged where the weights would be no numbers, and no folder is left', async () => {
    const model = await load(film, { trainable: lora() });
    await model.apply({ decay: 0, terms: [{ stream: 0n, coefficient: -1e30 }] });
    const folder = join(fresh(), 'saved');
    await expect(model.save(folder)).rejects.toMatchObject({
      code: 'ERR_ZEST_TENSOR_VALUE',
      message: expect.stringMatching(
        /^tensor '.*\.query\.weight', merged with its adapter, holds a value that is not finite/,
      ),
    });
    await expect(load(folder)).rejects.toMatchObject({ code: 'ERR_ZEST_FILE' });
    await model.save(folder, { weights: 'adapter' });
  });

  it('is all that a step trains', async () => {
    const model = await load(film, { trainable: lora() });
    const before = await values(model);
    const digests = [await model.digest()];
    for (const firstStream of [0n, 2n]) {
      await model.step(batch, { ...step, firstStream });
      digests.push(await model.digest());
    }
    expect(new Set(digests).size).toBe(3);
    for (const [name, after] of await values(model)) {
      expect(String(after) !== String(before.get(name)), name).toBe(name.includes('lora_'));
    }
  });

  it('is trained with a new head, whose noise is that of the base', async () => {
    const head = { classes: 3, seed: 4 };
    const folder = folderOf(tinyTensors());
    for (const law of ['gaussian', 'rademacher'] as const) {
      const [model, plain] = [
        await load(folder, { head, trainable: lora(), directions: { law } }),
        await load(folder, { head, directions: { law } }),
      ];
      const before = await values(model);
      expect(await logits(model, tinyClasses)).toEqual(await logits(plain, tinyClasses));
      for (const name of ['classifier.weight', 'bert.pooler.dense.bias']) {
        expect(await model.direction(5n, name)).toEqual(await plain.direction(5n, name));
      }
      await model.apply(update);
      for (const [name, after] of await values(model)) {
        const trained = /lora_|classifier|pooler/.test(name);
        expect(String(after) !== String(before.get(name)), name).toBe(trained);
        expect((await model.direction(5n, name)).some((v) => v !== 0)).toBe(trained);
      }
    }
  });

  it.each(LAWS.map((law) => [nameOf(law), law] as const))(
    'takes a step of evaluate, coefficients and apply to the bit: %s',
    async (_, law) => {
      for (const dtype of ['float32', 'bfloat16'] as const) {
        const options = { dtype, trainable: lora({ rank: 5 }), directions: { law } };
        const [fused, apart] = [
          await load(film, { ...options, threads: 3 }),
          await load(film, { ...options, threads: 1 }),
        ];
        const [one, other] = [await fused.step(batch, step), await stepByHand(apart, batch, step)];
        expect(bits(one.losses)).toEqual(bits(other.losses));
        expect(one.update).toEqual(other.update);
        expect(await fused.digest()).toBe(await apart.digest());
      }
    },
  );

  it('has the same bits without any shortcut, and however a batch is split', async () => {
    const trainable = lora({ targets: ['*'], rank: 3 });
    const [model, plain] = [
      await load(film, { trainable }),
      await load(film, {
        trainable,
        shortcuts: {
          ...{ packSequences: false, labelledPositionsOnly: false, scoredWordsOnly: false, lastLayerAtLabels: false },
          ...{ gatherEmbeddings: false, shareNoise: false, fusePerturbation: false, sharePrompts: false },
        },
      }),
    ];
    for (const each of [model, plain]) await each.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 0.02 }] });
    const points = [[], { stream: 3n, scale: 1e-3 }];
    const losses = (await model.sequenceLosses(batch, points)).map((row) => bits(row));
    expect((await plain.sequenceLosses(batch, points)).map((row) => bits(row))).toEqual(losses);
    const [{ losses: whole }, { losses: split }] = [
      await model.step(batch, step),
      await plain.step(batch, { ...step, microBatch: 1 }),
    ];
    expect(bits(split)).toEqual(bits(whole));
  });

  it('is not put on a decoder that is tied, nor twice', async () => {
    const folder = folderOf(tinyTensors());
    const refused = await load(folder, { trainable: lora({ targets: ['none'] }) }).catch((error) => error.message);
    expect(refused).toBe(
      "trainable.lora.targets: 'none' matches no linear layer; there are attention.output.dense, attention.self.key, attention.self.query, attention.self.value, cls.predictions.transform.dense, intermediate.dense, output.dense",
    );
    const name = `${layer}.attention.self.query.lora_A.weight`;
    const twice = folderOf({ ...tinyTensors(), [name]: f32([2, 6], Array(12).fill(1)) });
    await rejects(() => load(twice, { trainable: lora() }), 'ERR_ZEST_TRAINABLE', /query.lora_A.weight' already/);
  });

  it.each<[string, unknown, RegExp]>([
    ['a rank of 0', lora({ rank: 0 }), /trainable\.lora\.rank is 0; expected a number ≥ 1/],
    ['a rank that is not whole', lora({ rank: 1.5 }), /trainable\.lora\.rank is 1\.5/],
    ['a rank that is text', lora({ rank: '4' as never }), /trainable\.lora\.rank is '4'/],
    ['no rank', { lora: { alpha: 1 } }, /trainable\.lora\.rank is missing/],
    ['a rank beyond a matrix', lora({ rank: 7 }), /trainable\.lora\.rank is 7, .*query' of 6 × 6/],
    ['a rank beyond one side', lora({ rank: 6, targets: ['*.intermediate.*'] }), /intermediate\.dense' of 5 × 6/],
    ['no alpha', { lora: { rank: 1 } }, /trainable\.lora\.alpha is missing/],
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-50, 1e39].map((alpha): [string, unknown, RegExp] => [
      ...([`an alpha of ${alpha}`, lora({ alpha }), /trainable\.lora\.alpha is/] as const),
    ]),
    ['an alpha that is a bigint', lora({ alpha: 1n as never }), /trainable\.lora\.alpha/],
    ['no targets', lora({ targets: [] }), /trainable\.lora\.targets is \[\]/],
    ['targets that are text', lora({ targets: 'query' as never }), /trainable\.lora\.targets is 'query'/],
    ['a target that is a number', lora({ targets: [3 as never] }), /trainable\.lora\.targets/],
    ['a part of a name', lora({ targets: ['uery'] }), /'uery' matches no linear layer/],
    ['a norm', lora({ targets: ['LayerNorm'] }), /'LayerNorm' matches no linear layer/],
    ['a seed below 0', lora({ seed: -1 }), /trainable\.lora\.seed is -1/],
    [
      'an unknown key',
      lora({ dropout: 0.1 } as never),
      /trainable\.lora\.dropout is not known; expected one of rank, alpha/,
    ],
    ['a key beside it', { ...lora(), include: ['*'] }, /trainable is \{ lora: .*, include.*; expected all, bias/],
    ['nothing', { lora: null }, /trainable\.lora is null/],
    ['a list', { lora: [1] }, /trainable\.lora is/],
  ])('may not have %s', async (_, trainable, text) => {
    const error = await load(folderOf(tinyTensors()), { trainable: trainable as Trainable }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ERR_ZEST_TRAINABLE', message: expect.stringMatching(text) });
  });
});

import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../lib/model/model.ts';
import type { ModelStepOptions } from '../../lib/model/step.ts';
import type { Trainable } from '../../lib/model/trainable.ts';
import { bits, film, filmBatch, LAWS, nameOf } from '../fixtures/film.ts';
import { readTensors } from '../fixtures/parity/checkpoint.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32, type Written } from '../fixtures/safetensors.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests, tinyBatch, tinyClasses } from '../fixtures/tiny-models.ts';
import { stepByHand } from './step-by-hand.ts';

const { scratch, load, folderOf } = modelTests();
const fresh = (): string => mkdtempSync(join(scratch, 'saved-'));
const prefix = (tokens: number, seed?: number) => ({ prefix: { tokens, ...(seed !== undefined && { seed }) } });
const update = { decay: 0, terms: [{ stream: 1n, coefficient: 0.5 }] };
const batch = filmBatch([9, 30, 4, 254]);
const step: ModelStepOptions = {
  ...{ directions: 2, firstStream: 40n, rho: 1e-3, learningRate: 1e-2, weightDecay: 0.1 },
  ...{ tilt: { tau: 1 }, estimator: 'naive', sides: 'two' },
};

const base = Object.keys(tinyTensors()).sort();
const key = 'bert.encoder.layer.0.attention.self.prefix_key';
const value = 'bert.encoder.layer.0.attention.self.prefix_value';
/** The tiny model with a prefix of three tokens. */
const prefixed = (changes: Record<string, Written> = {}): Record<string, Written> => ({
  ...tinyTensors(),
  [key]: f32(
    [3, 6],
    Array.from({ length: 18 }, (_, i) => Math.sin(i)),
  ),
  [value]: f32(
    [3, 6],
    Array.from({ length: 18 }, (_, i) => Math.cos(3 * i)),
  ),
  ...changes,
});

/** The bits of every loss and logit. */
const everyBit = async (model: Model, of = tinyBatch): Promise<string[]> => [
  ...bits(await model.evaluate(of, [[]])),
  ...(await model.logits(of)).flatMap((row) => bits(row)),
];
/** The parameters that an update moves. */
const moved = async (model: Model): Promise<string[]> => {
  const read = () => Promise.all(model.parameterNames.map((name) => model.parameter(name)));
  const before = await read();
  await model.apply(update);
  const after = await read();
  return model.parameterNames.filter((_, i) => String(before[i]) !== String(after[i]));
};

describe('a prefix', () => {
  it('is keys and values of every layer, after the base, and all that is trained', async () => {
    const tiny = await load(folderOf(tinyTensors()), { trainable: prefix(4) });
    expect(tiny.parameterNames).toEqual([...base, key, value]);
    expect(tiny.dimension).toBe(2 * 4 * 6);
    expect(await moved(tiny)).toEqual([key, value]);
    const model = await load(film, { trainable: prefix(5) });
    const own = [0, 1, 2, 3].flatMap((i) =>
      ['key', 'value'].map((role) => `roberta.encoder.layer.${i}.attention.self.prefix_${role}`),
    );
    expect(model.parameterNames.slice(-8)).toEqual(own);
    expect(await moved(model)).toEqual(own);
  });

  it('is trained with a new head', async () => {
    const model = await load(folderOf(tinyTensors()), { head: { classes: 3 }, trainable: prefix(2) });
    const head = ['bert.pooler.dense.bias', 'bert.pooler.dense.weight', 'classifier.bias', 'classifier.weight'];
    expect(await moved(model)).toEqual([...head, key, value]);
  });

  it('starts from N(0, initializer_range²), by its seed', async () => {
    const [model, same, other] = [
      await load(film, { trainable: prefix(64) }),
      await load(film, { trainable: prefix(64, 0) }),
      await load(film, { trainable: prefix(64, 1) }),
    ];
    const z = await model.parameter('roberta.encoder.layer.1.attention.self.prefix_key');
    const variance = z.reduce((sum, x) => sum + x * x, 0) / z.length;
    expect(Math.abs(variance / 0.02 ** 2 - 1)).toBeLessThan(0.06); // standard error 0.013
    expect(await same.digest()).toBe(await model.digest());
    expect(await other.digest()).not.toBe(await model.digest());
  });

  it('changes the loss, but not how long a text may be', async () => {
    const [model, plain] = [await load(film, { trainable: prefix(5) }), await load(film)];
    expect(model.maxLength).toBe(plain.maxLength);
    expect(await everyBit(model, batch)).not.toEqual(await everyBit(plain, batch));
  });

  it.each(['float32', 'bfloat16'] as const)(
    'is saved and found again, to the bit, whatever is trained: %s',
    async (dtype) => {
      const model = await load(film, { dtype, trainable: prefix(5) });
      await model.apply(update);
      const expected = await everyBit(model, batch);
      const folder = fresh();
      await model.save(folder);
      expect([...readTensors(folder).keys()].filter((name) => name.includes('prefix'))).toHaveLength(8);
      const selections: Trainable[] = [
        ...(['all', 'bias', 'head'] as const),
        { include: ['*prefix_value'] },
        { lora: { rank: 2, alpha: 4 } },
        prefix(5, 77),
      ];
      for (const trainable of selections) {
        const again = await load(folder, { dtype, trainable });
        expect(await everyBit(again, batch), JSON.stringify(trainable)).toEqual(expected);
      }
      const continued = await load(folder, { dtype, trainable: prefix(5, 77) });
      expect(await continued.digest()).toBe(await model.digest());
      for (const each of [model, continued]) await each.apply(update);
      expect(await continued.digest()).toBe(await model.digest());
    },
  );

  it('of a checkpoint is a parameter like others, but to lora', async () => {
    const folder = folderOf(prefixed());
    expect(await moved(await load(folder))).toEqual([...base, key, value]);
    for (const trainable of ['bias', 'head'] as const) {
      expect((await moved(await load(folder, { trainable }))).filter((name) => name.includes('prefix'))).toEqual([]);
    }
    expect(await moved(await load(folder, { trainable: { include: ['*prefix*'] } }))).toEqual([key, value]);
    expect(await moved(await load(folder, { trainable: { exclude: ['*prefix*'] } }))).toEqual(base);
    expect(await moved(await load(folder, { trainable: prefix(3) }))).toEqual([key, value]);
    const adapted = await moved(await load(folder, { trainable: { lora: { rank: 1, alpha: 1 } } }));
    expect(adapted.map((name) => name.replace(/^.*lora/, 'lora'))).toEqual([
      ...['lora_A.weight', 'lora_B.weight', 'lora_A.weight', 'lora_B.weight'],
    ]);
    const classes = await load(folder, { head: { classes: 3 }, trainable: { lora: { rank: 1, alpha: 1 } } });
    expect(await classes.logits(tinyClasses)).toHaveLength(2);
  });

  it('does not depend on where its tensors stand in the file, nor on the name of the encoder', async () => {
    const bare = (tensors: Record<string, Written>) =>
      Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name.replace(/^bert\./, ''), tensor]));
    const expected = await everyBit(await load(folderOf(prefixed())));
    const reversed = Object.fromEntries(Object.entries(prefixed()).reverse());
    expect(await everyBit(await load(folderOf(reversed)))).toEqual(expected);
    const model = await load(folderOf(bare(prefixed())));
    expect(await everyBit(model)).toEqual(expected);
    expect(model.parameterNames.slice(-2)).toEqual([key, value].map((name) => name.slice(5)));
    const fromBare = await load(folderOf(bare(tinyTensors())), { trainable: prefix(2) });
    const saved = fresh();
    await fromBare.save(saved);
    expect(await everyBit(await load(saved))).toEqual(await everyBit(fromBare));
  });

  it('is weighed against the own keys of a sequence', async () => {
    // One whose scores lie far below the others weighs nothing, to the bit.
    const far = (x: number) => f32([3, 6], Array(18).fill(x));
    const silent = { [value]: far(0) };
    const plain = await (await load(folderOf(tinyTensors()))).logits(tinyBatch);
    const half = await (await load(folderOf(prefixed({ ...silent, [key]: far(0) })))).logits(tinyBatch);
    expect(half).not.toEqual(plain);
    const zeroQuery = {
      'bert.encoder.layer.0.attention.self.query.weight': f32([6, 6], Array(36).fill(0)),
      'bert.encoder.layer.0.attention.self.query.bias': f32([6], Array(6).fill(-1000)),
    };
    const ignored = await load(folderOf(prefixed({ ...zeroQuery, ...silent, [key]: far(1000) })));
    const without = await load(folderOf({ ...tinyTensors(), ...zeroQuery }));
    expect((await ignored.logits(tinyBatch)).map((row) => bits(row))).toEqual(
      (await without.logits(tinyBatch)).map((row) => bits(row)),
    );
  });

  it.each(LAWS.map((law) => [nameOf(law), law] as const))(
    'takes a step of evaluate, coefficients and apply to the bit: %s',
    async (_, law) => {
      const options = { trainable: prefix(3), directions: { law } };
      const [fused, apart] = [
        await load(film, { ...options, threads: 3 }),
        await load(film, { ...options, threads: 1 }),
      ];
      const [one, other] = [await fused.step(batch, step), await stepByHand(apart, batch, step)];
      expect(bits(one.losses)).toEqual(bits(other.losses));
      expect(one.update).toEqual(other.update);
      expect(await fused.digest()).toBe(await apart.digest());
    },
  );

  it('may be longer than any text in a checkpoint, and is not whole without all its tensors', async () => {
    const long = f32([9, 6], Array(54).fill(0.1));
    const longer = await load(folderOf(prefixed({ [key]: long, [value]: long })), { trainable: prefix(9) });
    expect(longer.dimension).toBe(108);
    const { [value]: _, ...partial } = prefixed();
    await rejects(() => load(folderOf(partial)), 'ERR_ZEST_TENSOR_MISSING', /prefix_value' is missing; a prefix has/);
    const layers = { num_hidden_layers: 2 ** 31 - 1 };
    await rejects(() => load(folderOf(prefixed(), layers)), 'ERR_ZEST_TENSOR_MISSING', /layer\.1\./);
    const shape = { [value]: f32([2, 6], Array(12).fill(1)) };
    await rejects(() => load(folderOf(prefixed(shape))), 'ERR_ZEST_TENSOR_SHAPE', /prefix_value' has shape \[2,6\]/);
    for (const empty of [f32([], [1]), f32([0, 6], []), f32([3, 5], Array(15).fill(1))]) {
      const refused = () => load(folderOf(prefixed({ [key]: empty })));
      await rejects(refused, 'ERR_ZEST_TENSOR_SHAPE', /prefix_key' has shape .* asks for/);
    }
    const whole = { dtype: 'I64', shape: [3, 6], bytes: new Uint8Array(144) };
    await rejects(
      () => load(folderOf(prefixed({ [key]: whole }))),
      'ERR_ZEST_TENSOR_DTYPE',
      /prefix_key' has dtype I64/,
    );
  });

  it.each<[string, unknown, RegExp]>([
    ['no tokens', prefix(0), /trainable\.prefix\.tokens is 0; expected a number ≥ 1/],
    ['tokens that are not whole', prefix(1.5), /trainable\.prefix\.tokens is 1\.5/],
    ['tokens that are NaN', prefix(Number.NaN), /trainable\.prefix\.tokens is NaN/],
    ['tokens left out', { prefix: {} }, /trainable\.prefix\.tokens is missing/],
    ['tokens beyond the positions', prefix(9), /trainable\.prefix\.tokens is 9; expected at most the model's 8/],
    ['a seed that is text', { prefix: { tokens: 1, seed: '1' } }, /trainable\.prefix\.seed is '1'/],
    [
      'an unknown key',
      { prefix: { tokens: 1, length: 2 } },
      /trainable\.prefix\.length is not known; expected one of tokens, seed/,
    ],
    ['a key beside it', { ...prefix(2), exclude: ['*'] }, /trainable is \{ prefix: .*, exclude.*; expected all, bias/],
    ['a number in its place', { prefix: 5 }, /trainable\.prefix is 5; expected keys and values/],
  ])('may not have %s', async (_, trainable, text) => {
    const error = await load(folderOf(tinyTensors()), { trainable: trainable as Trainable }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ERR_ZEST_TRAINABLE', message: expect.stringMatching(text) });
  });

  it('may not have another length than the one of the checkpoint', async () => {
    await rejects(
      () => load(folderOf(prefixed()), { trainable: prefix(2) }),
      'ERR_ZEST_TRAINABLE',
      /trainable\.prefix\.tokens is 2, but the checkpoint has a prefix of 3/,
    );
  });
});

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { bits, film, filmBatch } from '../fixtures/film.ts';
import { float32Bits, readTensors } from '../fixtures/parity/checkpoint.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32 } from '../fixtures/safetensors.ts';
import { tinyClassifier, tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests, tinyClasses } from '../fixtures/tiny-models.ts';

const { scratch, load, folderOf } = modelTests();
const fresh = (): string => mkdtempSync(join(scratch, 'saved-'));
const update = { decay: 0.01, terms: [{ stream: 1n, coefficient: 1e-3 }] };
const json = (folder: string) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/parity/${name}`, import.meta.url));

describe('save', () => {
  it.each(['float32', 'bfloat16'] as const)('writes what load reads, in %s', async (dtype) => {
    const model = await load(film, { dtype });
    await model.apply(update);
    const folder = join(fresh(), 'in', 'folders');
    await model.save(folder);
    const again = await load(folder, { dtype });
    expect(await again.digest()).toBe(await model.digest());
    const batch = filmBatch([9, 4]);
    expect(bits(await again.evaluate(batch, [[]]))).toEqual(bits(await model.evaluate(batch, [[]])));
    expect(readdirSync(folder).sort()).toEqual([
      ...['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'],
    ]);
    expect((await Tokenizer.load(folder)).encode('a film')).toEqual((await Tokenizer.load(film)).encode('a film'));
    expect(json(folder)).toEqual({ ...json(film), torch_dtype: dtype });
  });

  it('keeps names, shapes and values of every tensor but aliases', async () => {
    const unread = {
      'a.cube': f32([2, 1, 2], [1, 2, 3, 4]),
      scalar: f32([], [5]),
      'cls.seq_relationship.bias': f32([2], [6, 7]),
    };
    const tensors: ReturnType<typeof tinyTensors> = { ...tinyTensors(), ...unread };
    const alias = { 'cls.predictions.decoder.bias': tensors['cls.predictions.bias']! };
    const model = await load(folderOf({ ...tensors, ...alias }));
    const folder = fresh();
    await model.save(folder);
    const saved = readTensors(folder);
    expect([...saved.keys()]).toEqual(Object.keys(tensors).sort());
    for (const [name, { shape, bytes }] of Object.entries(tensors)) {
      expect(saved.get(name)).toMatchObject({ dtype: 'F32', shape });
      expect(Buffer.from(saved.get(name)?.bytes ?? [])).toEqual(Buffer.from(bytes));
    }
  });

  it('aligns the data and describes them as PyTorch would', async () => {
    const folder = fresh();
    await (await load(folderOf(tinyTensors()))).save(folder);
    const file = readFileSync(join(folder, 'model.safetensors'));
    const length = Number(file.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(JSON.parse(file.toString('utf8', 8, 8 + length)).__metadata__).toEqual({ format: 'pt' });
  });

  it.each(['bert-sharded', 'roberta-bf16-sharded-untied', 'bert-f16-types3'])(
    'widens %s without a change',
    async (name) => {
      const folder = fresh();
      await (await load(fixture(name))).save(folder);
      const saved = readTensors(folder);
      for (const [tensor, original] of readTensors(fixture(name))) {
        const copy = saved.get(tensor);
        if (copy) expect([...float32Bits(copy)]).toEqual([...float32Bits(original)]);
      }
      expect(saved.size).toBeGreaterThan(20);
    },
  );

  it('names a new head, which load then finds', async () => {
    const model = await load(folderOf(tinyTensors(), { torch_dtype: 'float16', dtype: 'float16' }), {
      head: { classes: 3, seed: 1 },
    });
    await model.apply(update);
    const folder = fresh();
    await model.save(folder);
    expect(json(folder)).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      num_labels: 3,
      id2label: { 0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2' },
      label2id: { LABEL_0: 0, LABEL_1: 1, LABEL_2: 2 },
      torch_dtype: 'float32',
      dtype: 'float32',
    });
    const again = await load(folder);
    expect(again.parameterNames).toEqual(model.parameterNames);
    expect(await again.digest()).toBe(await model.digest());
    expect(await again.logits(tinyClasses)).toEqual(await model.logits(tinyClasses));
  });

  it('keeps the labels of a head that is not new, and names the one in use', async () => {
    const labels = { id2label: { 0: 'bad', 1: 'so', 2: 'good' }, architectures: ['BertForSequenceClassification'] };
    const both = folderOf({ ...tinyTensors(), ...tinyClassifier() }, labels);
    const [folder, other] = [fresh(), fresh()];
    await (await load(both)).save(folder);
    expect(json(folder)).toEqual({ ...json(both), dtype: 'float32' });
    await (await load(both, { head: 'languageModel' })).save(other);
    expect(json(other).architectures).toEqual(['BertForMaskedLM']);
  });

  it('may replace the folder that the model was loaded from', async () => {
    const folder = fresh();
    for (const name of readdirSync(film)) copyFileSync(join(film, name), join(folder, name));
    const model = await load(folder);
    for (let round = 0; round < 2; round++) {
      await model.apply(update);
      await model.save(folder);
      expect(await (await load(folder)).digest()).toBe(await model.digest());
    }
    expect(readdirSync(folder).sort()).toEqual(readdirSync(film).sort());
    expect(readFileSync(join(folder, 'tokenizer.json'))).toEqual(readFileSync(join(film, 'tokenizer.json')));
  });

  it('may replace shards', async () => {
    const folder = fresh();
    for (const name of readdirSync(fixture('bert-sharded')))
      copyFileSync(join(fixture('bert-sharded'), name), join(folder, name));
    const model = await load(folder);
    await model.apply(update);
    await model.save(folder);
    expect(await (await load(folder)).digest()).toBe(await model.digest());
  });

  it('goes without the files of a tokenizer that are gone', async () => {
    const source = folderOf(tinyTensors());
    const model = await load(source);
    rmSync(source, { recursive: true });
    const folder = fresh();
    await model.save(folder);
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors']);
  });

  it('saves the weights of its turn', async () => {
    const model = await load(film);
    const [one, two] = [fresh(), fresh()];
    const [, , digest] = await Promise.all([
      model.apply(update),
      model.save(one),
      model.digest(),
      model.apply(update),
      model.save(two),
    ]);
    expect(await (await load(one)).digest()).toBe(digest);
    expect(await (await load(two)).digest()).toBe(await model.digest());
    expect(await model.digest()).not.toBe(digest);
  });

  it('that fails leaves no parts, and the old weights', async () => {
    const model = await load(folderOf(tinyTensors()));
    const folder = fresh();
    await model.save(folder);
    const before = readFileSync(join(folder, 'model.safetensors'));
    rmSync(join(folder, 'config.json'));
    mkdirSync(join(folder, 'config.json', 'in the way'), { recursive: true });
    await model.apply(update);
    await rejects(() => model.save(folder), 'ERR_ZEST_FILE', /cannot be saved/);
    await expect(model.save(folder)).rejects.toMatchObject({ cause: { message: expect.stringMatching(/a folder/) } });
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(readFileSync(join(folder, 'model.safetensors'))).toEqual(before);
    const file = join(fresh(), 'file');
    writeFileSync(file, '');
    await rejects(() => model.save(file), 'ERR_ZEST_FILE', /file/);
    await rejects(() => model.save(join(file, 'below')), 'ERR_ZEST_FILE', /below/);
    await rejects(() => model.save('\0'), 'ERR_ZEST_FILE', /cannot be saved/);
    expect(await model.digest()).toMatch(/^sha256/);
  });
});

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Target } from '../../lib/model/batch.ts';
import type { Model } from '../../lib/model/model.ts';
import { readTensors } from '../../lib/model/safetensors.ts';
import { film, filmBatch } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests, tinyBatch, tinyClasses } from '../fixtures/tiny-models.ts';

const { load, folderOf } = modelTests();

const update = { decay: 0, terms: [{ stream: 3n, coefficient: 0.3 }] };
const lora = { rank: 2, alpha: 6, seed: 4 };
const fresh = () => join(scratchFolder(), 'adapter');
const json = (folder: string, file = 'adapter_config.json') => JSON.parse(readFileSync(join(folder, file), 'utf8'));
const rows = async (model: Model, batch = tinyBatch) => (await model.logits(batch)).map((row) => [...row]);
const twoClasses = { ...tinyClasses, targets: tinyClasses.targets.map(() => ({ kind: 'class', label: 0 }) as const) };

describe("LoRA in PEFT's files", () => {
  it('has the names, the shapes and the settings that PEFT gives them', async () => {
    const base = folderOf(tinyTensors());
    const model = await load(base, { trainable: { lora } });
    await model.apply(update);
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    expect(readdirSync(folder).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'config.json']);
    expect(json(folder)).toMatchObject({
      ...{ peft_type: 'LORA', task_type: null, r: 2, lora_alpha: 6, bias: 'none', base_model_name_or_path: base },
      target_modules: ['attention.self.query', 'attention.self.value'],
      modules_to_save: null,
    });
    const attention = 'base_model.model.bert.encoder.layer.0.attention.self';
    const tensors = await readTensors(join(folder, 'adapter_model.safetensors'));
    expect(Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]))).toEqual({
      [`${attention}.query.lora_A.weight`]: [2, 6],
      [`${attention}.query.lora_B.weight`]: [6, 2],
      [`${attention}.value.lora_A.weight`]: [2, 6],
      [`${attention}.value.lora_B.weight`]: [6, 2],
    });
  });

  it('is loaded with its base, by itself, and from a bare checkpoint, with the same bits', async () => {
    const base = folderOf(tinyTensors());
    const model = await load(base, { trainable: { lora } });
    await model.apply(update);
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    for (const again of [await load(base, { adapter: folder }), await load(folder)]) {
      expect(await rows(again)).toEqual(await rows(model));
      expect(again.trainableNames).toEqual(model.trainableNames);
      expect(await again.digest()).toBe(await model.digest());
    }
    const names = (name: string) => name.replace(/^bert\./, '');
    const bare = folderOf(Object.fromEntries(Object.entries(tinyTensors()).map(([name, t]) => [names(name), t])));
    expect(await rows(await load(bare, { adapter: folder }))).toEqual(await rows(model));
    const second = await load(bare, { trainable: { lora } });
    await second.apply(update);
    const other = fresh();
    await second.save(other, { weights: 'adapter' });
    const named = async (path: string) =>
      (await readTensors(join(path, 'adapter_model.safetensors'))).map((t) => t.name);
    expect(await named(other)).toEqual(await named(folder));
  });

  it('goes on being trained, and is merged or saved again', async () => {
    const base = folderOf(tinyTensors());
    const model = await load(base, { trainable: { lora: { ...lora, targets: ['*.output.dense', 'query'] } } });
    await model.apply(update);
    const [folder, both] = [fresh(), fresh()];
    await model.save(folder, { weights: 'adapter' });
    const again = await load(folder);
    await again.apply({ decay: 0, terms: [{ stream: 9n, coefficient: 0.2 }] });
    await model.apply({ decay: 0, terms: [{ stream: 9n, coefficient: 0.2 }] });
    expect(await rows(again)).toEqual(await rows(model));
    await again.save(both, { weights: 'both' });
    expect(readdirSync(both).sort()).toEqual(['adapter', 'config.json', 'model.safetensors']);
    expect(await rows(await load(join(both, 'adapter')))).toEqual(await rows(again));
    const merged = await rows(await load(both));
    for (const [i, row] of (await rows(again)).entries()) {
      for (const [j, value] of row.entries()) expect(merged[i]?.[j]).toBeCloseTo(value, 4);
    }
    expect((await load(folder, { trainable: 'bias' })).trainableNames).toContain('cls.predictions.bias');
    await rejects(() => load(folder, { trainable: { lora } }), 'ERR_ZEST_TRAINABLE', /leave trainable out to go on/);
    const plain = await load(base);
    await rejects(() => plain.save(fresh(), { weights: 'adapter' }), 'ERR_ZEST_OPTION', /'merged' for a model without/);
    await expect(plain.save(fresh(), { weights: 'adapter' })).rejects.toBeInstanceOf(RangeError);
  });

  it('is not saved beside other weights, which would be loaded in its stead, nor these beside it', async () => {
    const model = await load(folderOf(tinyTensors()), { trainable: { lora } });
    for (const [first, second, file] of [
      ['merged', 'adapter', 'model.safetensors'],
      ['adapter', 'merged', 'adapter_model.safetensors'],
      ['adapter', 'both', 'adapter_model.safetensors'],
      ['both', 'merged', 'adapter.adapter_model.safetensors'],
      ['both', 'adapter', 'model.safetensors'],
    ] as const) {
      const folder = fresh();
      await model.save(folder, { weights: first });
      const saved = await rows(await load(folder));
      await model.apply(update);
      const refused = new RegExp(`has ${file}, .* weights '${second}' .*; expected a folder without it`);
      await rejects(() => model.save(folder, { weights: second }), 'ERR_ZEST_FILE', refused);
      expect(await rows(await load(folder))).toEqual(saved);
      // The same kind takes its place.
      await model.save(folder, { weights: first });
      expect(await rows(await load(folder))).not.toEqual(saved);
    }
    // So are weights in shards, which are another's.
    const sharded = fresh();
    mkdirSync(sharded);
    writeFileSync(join(sharded, 'model.safetensors.index.json'), '{}');
    await rejects(() => model.save(sharded, { weights: 'adapter' }), 'ERR_ZEST_FILE', /has model.safetensors.index/);
    const folder = fresh();
    for (const weights of ['merged', 'both'] as const) await model.save(folder, { weights });
    expect(await rows(await load(join(folder, 'adapter')))).toEqual(await rows(model));
  });

  it('is merged with the tokenizer that its folder has, whatever its files', async () => {
    const base = folderOf(tinyTensors());
    writeFileSync(join(base, 'tokenizer.json'), '{}');
    const model = await load(base, { trainable: { lora } });
    const [adapter, merged] = [fresh(), fresh()];
    await model.save(adapter, { weights: 'adapter' });
    rmSync(join(adapter, 'tokenizer.json'));
    for (const name of ['vocab.json', 'merges.txt']) writeFileSync(join(adapter, name), 'own');
    await (await load(adapter)).save(merged);
    expect(readdirSync(merged).sort()).toEqual(['config.json', 'merges.txt', 'model.safetensors', 'vocab.json']);
  });

  it('brings a head that was new, with the names of its classes', async () => {
    const base = folderOf(tinyTensors());
    const options = { trainable: { lora }, head: { classes: 2, seed: 3 }, labels: ['bad', 'good'] };
    const model = await load(base, options);
    await model.apply(update);
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    expect(json(folder)).toMatchObject({ task_type: 'SEQ_CLS', modules_to_save: ['bert.pooler.dense', 'classifier'] });
    expect(json(folder, 'config.json')).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'bad', 1: 'good' },
    });
    for (const again of [await load(base, { adapter: folder }), await load(folder)]) {
      expect(again.labels).toEqual(['bad', 'good']);
      expect(again.dimension).toBe(model.dimension);
      expect(await rows(again, twoClasses)).toEqual(await rows(model, twoClasses));
    }
  });

  it('of the built-in model names it, and keeps the tokenizer', async () => {
    const model = await load('film-roberta-mini', { trainable: { lora } });
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    expect(json(folder).base_model_name_or_path).toBe('film-roberta-mini');
    expect(readFileSync(join(folder, 'tokenizer.json'))).toEqual(readFileSync(join(film, 'tokenizer.json')));
    const batch = filmBatch([5, 8]);
    expect(await rows(await load(folder), batch)).toEqual(await rows(model, batch));
  });

  it('that cannot be computed, or is not whole, is an error', async () => {
    const base = folderOf(tinyTensors());
    const model = await load(base, { trainable: { lora } });
    const good = fresh();
    await model.save(good, { weights: 'adapter' });
    const changed = async (change: object) => {
      const folder = fresh();
      await cp(good, folder, { recursive: true });
      writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ ...json(good), ...change }));
      return load(folder);
    };
    await rejects(() => changed({ peft_type: 'IA3' }), 'ERR_ZEST_UNSUPPORTED', /peft_type is 'IA3'/);
    await rejects(() => changed({ use_dora: true }), 'ERR_ZEST_UNSUPPORTED', /use_dora/);
    await rejects(() => changed({ rank_pattern: { query: 4 } }), 'ERR_ZEST_UNSUPPORTED', /rank_pattern/);
    await rejects(() => changed({ r: 3 }), 'ERR_ZEST_TENSOR_SHAPE', /lora_A.*\[3,6\]/);
    for (const numbers of [{ lora_alpha: 1e60 }, { lora_alpha: 1e-60 }, { lora_alpha: 2e-38, r: 2 ** 20 }]) {
      await rejects(
        () => changed(numbers),
        'ERR_ZEST_CONFIG_JSON',
        /lora_alpha is .*, and r \d+; expected a number that float32/,
      );
    }
    await rejects(() => changed({ base_model_name_or_path: '/no/base' }), 'ERR_ZEST_FILE', /\/no\/base.*as adapter/);
    await rejects(() => load(base, { adapter: '/no/adapter' }), 'ERR_ZEST_FILE', /adapter_config.json cannot be read/);
    const scaled = await changed({ use_rslora: true });
    await scaled.apply(update);
    await model.apply(update);
    expect(await rows(scaled)).not.toEqual(await rows(model));
    const wrong = await load(film, { trainable: { lora } });
    const other = fresh();
    await wrong.save(other, { weights: 'adapter' });
    await rejects(() => load(base, { adapter: other }), 'ERR_ZEST_TENSOR_MISSING', /no linear layer of the model/);
  });
});

describe('an adapter that PEFT made', () => {
  const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
  const { sequences, adapters } = JSON.parse(readFileSync(`${fixtures}peft/expected.json`, 'utf8')) as {
    sequences: number[][];
    adapters: Record<string, { base: string; classes: boolean; causal: boolean; logits: number[][] }>;
  };
  const target = ({ classes, causal }: { classes: boolean; causal: boolean }, { length }: number[]): Target => {
    if (classes) return { kind: 'class', label: 0 };
    if (causal) return { kind: 'tokens', from: length - 1, to: length };
    return { kind: 'maskedTokens', positions: [length - 1], ids: [1] };
  };

  it.each(Object.entries(adapters))(
    'for %s gives the logits that PEFT gives, also saved again',
    async (name, expected) => {
      const base = `${fixtures}parity/${expected.base}`;
      const model = await load(base, { adapter: `${fixtures}peft/${name}` });
      const batch = { sequences, targets: sequences.map((ids) => target(expected, ids)) };
      const check = async (of: Model) => {
        const logits = await rows(of, batch);
        for (const [i, row] of expected.logits.entries()) {
          expect(logits[i]).toHaveLength(row.length);
          for (const [j, value] of row.entries()) expect(logits[i]?.[j]).toBeCloseTo(value, 5);
        }
      };
      await check(model);
      const folder = fresh();
      await model.save(folder, { weights: 'both' });
      const again = await load(base, { adapter: join(folder, 'adapter') });
      await check(again);
      expect(again.trainableNames).toEqual(model.trainableNames);
      await check(await load(folder));
      await rejects(() => load(`${fixtures}peft/${name}`), 'ERR_ZEST_FILE', /base_model_name_or_path is null/);
    },
  );
});

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../lib/model/batch.ts';
import type { Model } from '../../lib/model/model.ts';
import { readTensors } from '../../lib/model/safetensors.ts';
import { rejects } from '../fixtures/rejects.ts';
import { f32, safetensors, type Written } from '../fixtures/safetensors.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests, tinyBatch, tinyClasses } from '../fixtures/tiny-models.ts';

const { load, folderOf } = modelTests();

const parity = (name: string) => fileURLToPath(new URL(`../fixtures/parity/${name}`, import.meta.url));
const fresh = () => join(scratchFolder(), 'adapter');
const json = (folder: string) => JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'));
const names = async (folder: string) =>
  (await readTensors(join(folder, 'adapter_model.safetensors'))).map(({ name }) => name).sort();
const rows = async (model: Model, batch: Batch = tinyBatch) => (await model.logits(batch)).map((row) => [...row]);
const update = { decay: 0, terms: [{ stream: 3n, coefficient: 0.3 }] };
const lora = { rank: 2, alpha: 6, seed: 4 };
const tensors = tinyTensors() as Record<string, Written>;
const sines = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i + 1));

const QUERY = 'encoder.layer.0.attention.self.query';
const NORM = 'embeddings.LayerNorm.weight';
const norm = f32([6], sines(6));

/** An adapter of the tiny BERT with LoRA on its query, as PEFT writes it, and more. */
const adapterOf = (more: Record<string, Written>, prefix = 'bert.', settings: object = {}): string => {
  const folder = fresh();
  mkdirSync(folder, { recursive: true });
  const config = { peft_type: 'LORA', r: 2, lora_alpha: 6, target_modules: ['query'], ...settings };
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(config));
  const all = {
    [`${prefix}${QUERY}.lora_A.weight`]: f32([2, 6], sines(12)),
    [`${prefix}${QUERY}.lora_B.weight`]: f32([6, 2], sines(12)),
    ...more,
  };
  const wrapped = Object.entries(all).map(([name, tensor]) => [`base_model.model.${name}`, tensor]);
  writeFileSync(join(folder, 'adapter_model.safetensors'), safetensors(Object.fromEntries(wrapped)));
  return folder;
};

describe('modules that were trained with an adapter', () => {
  it('take the place of those of the base, also under the names of a bare model', async () => {
    const changed = folderOf({ ...tensors, [`bert.${NORM}`]: norm });
    const expected = await rows(await load(changed, { adapter: adapterOf({}) }));
    const base = folderOf(tensors);
    expect(await rows(await load(base, { adapter: adapterOf({ [`bert.${NORM}`]: norm }) }))).toEqual(expected);
    expect(await rows(await load(base, { adapter: adapterOf({ [NORM]: norm }, '') }))).toEqual(expected);
    const bare = Object.entries(tensors).map(([name, tensor]) => [name.replace(/^bert\./, ''), tensor]);
    const names = await load(folderOf(Object.fromEntries(bare)), { adapter: adapterOf({ [`bert.${NORM}`]: norm }) });
    expect(await rows(names)).toEqual(expected);
  });

  it.each([
    ['decoder', (words: Written) => ({ 'cls.predictions.decoder.weight': words })],
    ['words', (words: Written) => ({ 'bert.embeddings.word_embeddings.weight': words })],
  ])('untie a decoder: %s', async (_, of) => {
    const WORDS = 'bert.embeddings.word_embeddings.weight';
    const other = of(f32([11, 6], sines(66)));
    const untied = { 'cls.predictions.decoder.weight': tensors[WORDS]!, ...other };
    const whole = folderOf({ ...tensors, ...untied }, { tie_word_embeddings: false });
    const expected = await rows(await load(whole, { adapter: adapterOf({}) }));
    const saved = { modules_to_save: ['decoder', 'word_embeddings'] };
    const adapter = adapterOf(other, 'bert.', saved);
    const model = await load(folderOf(tensors), { adapter });
    expect(await rows(model)).toEqual(expected);
    const folder = fresh();
    await model.save(folder);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    expect(config.tie_word_embeddings).toBe(false);
    for (const [i, row] of (await rows(await load(folder))).entries()) {
      for (const [j, value] of row.entries()) expect(value).toBeCloseTo(expected[i]![j]!, 4);
    }
    // With another head, what is tied is not needed.
    const classifier = await load(folderOf(tensors), { adapter, head: { classes: 2 } });
    expect(classifier.parameterNames).not.toContain('cls.predictions.decoder.bias');
  });

  it('leave a decoder tied where the words were saved beside the adapter alone', async () => {
    const words = f32([11, 6], sines(66));
    const names = ['bert.embeddings.word_embeddings.weight', 'cls.predictions.decoder.weight'] as const;
    const changed = folderOf({ ...tensors, [names[0]]: words });
    const expected = await load(changed, { adapter: adapterOf({}) });
    for (const of of [names, [names[0]], [names[1]]]) {
      const model = await load(folderOf(tensors), {
        adapter: adapterOf(Object.fromEntries(of.map((n) => [n, words]))),
      });
      expect([model.parameterNames, await rows(model)]).toEqual([expected.parameterNames, await rows(expected)]);
    }
  });

  it('may be stored with buffers, which are passed over', async () => {
    const base = folderOf(tensors);
    const buffers = { 'bert.embeddings.position_ids': f32([1, 4], [0, 1, 2, 3]) };
    const expected = await rows(await load(base, { adapter: adapterOf({}) }));
    expect(await rows(await load(base, { adapter: adapterOf(buffers) }))).toEqual(expected);
  });

  it('are refused by name where nothing reads them', async () => {
    const base = folderOf(tensors);
    const pooler = { 'bert.pooler.dense.weight': f32([6, 6], sines(36)), 'bert.pooler.dense.bias': norm };
    const unread: Record<string, Written>[] = [
      { 'bert.embeddings.norm.weight': norm },
      { 'other.weight': norm },
      pooler,
    ];
    for (const more of unread) {
      const text = new RegExp(`'${Object.keys(more)[0]}' replaces none .*; expected modules_to_save`);
      await rejects(() => load(base, { adapter: adapterOf(more) }), 'ERR_ZEST_UNSUPPORTED', text);
    }
    expect((await load(base, { adapter: adapterOf(pooler), head: 'languageModel' })).parameterNames).toBeDefined();
    expect((await load(base, { adapter: adapterOf(pooler), head: { classes: 2 } })).trainableNames).toContain(
      'bert.pooler.dense.bias',
    );
  });

  it('are saved with it, as are all that are trained', async () => {
    const base = folderOf(tensors);
    const adapter = adapterOf({ [`bert.${NORM}`]: norm, 'bert.embeddings.LayerNorm.bias': norm });
    for (const trainable of ['all', 'bias', { include: ['*'] }] as const) {
      const model = await load(base, { adapter, trainable: trainable as 'all' });
      await model.apply(update);
      const folder = fresh();
      await model.save(folder, { weights: 'adapter' });
      expect(await rows(await load(base, { adapter: folder }))).toEqual(await rows(model));
    }
    const folder = fresh();
    await (await load(base, { adapter })).save(folder, { weights: 'adapter' });
    expect(json(folder)).toMatchObject({ task_type: null, modules_to_save: ['bert.embeddings.LayerNorm'] });
    expect(await names(folder)).toEqual(await names(adapter));
  });

  it('that LoRA is put on have what it is added to under the name that PEFT has for it', async () => {
    const base = folderOf(tensors);
    const adapter = adapterOf({ [`bert.${QUERY}.base_layer.bias`]: norm });
    const changed = folderOf({ ...tensors, [`bert.${QUERY}.bias`]: norm });
    const model = await load(base, { adapter });
    expect(await rows(model)).toEqual(await rows(await load(changed, { adapter: adapterOf({}) })));
    expect(model.trainableNames).toEqual([`bert.${QUERY}.lora_A.weight`, `bert.${QUERY}.lora_B.weight`]);
    const trained = await load(base, { adapter, trainable: { include: ['*query*'] } });
    await trained.apply(update);
    const folder = fresh();
    await trained.save(folder, { weights: 'adapter' });
    expect(json(folder).modules_to_save).toBe(null);
    expect(await names(folder)).toContain(`base_model.model.bert.${QUERY}.base_layer.weight`);
    expect(await rows(await load(base, { adapter: folder }))).toEqual(await rows(trained));
  });

  // PEFT adds `classifier` to the modules of an adapter for SEQ_CLS, and takes all whose names end so.
  it.each([
    ['roberta-classes', ['classifier.dense', 'classifier.out_proj']],
    ['distilbert-f16-classes', ['classifier', 'pre_classifier']],
  ])('are saved whole beside a new head: %s', async (name, modules) => {
    const model = await load(parity(name), { head: { classes: 5 }, trainable: { lora } });
    await model.apply(update);
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    const saved = (await names(folder)).filter((tensor) => !tensor.includes('.lora_'));
    expect(saved).toEqual(
      modules.flatMap((module) => ['bias', 'weight'].map((end) => `base_model.model.${module}.${end}`)).sort(),
    );
    expect(json(folder)).toMatchObject({ task_type: 'SEQ_CLS', modules_to_save: ['classifier'] });
    const batch = { ...tinyClasses, segments: undefined };
    expect(await rows(await load(parity(name), { adapter: folder }), batch)).toEqual(await rows(model, batch));
  });
});

describe('LoRA', () => {
  it('within a module that is trained leaves its tensors by themselves, which PEFT reads too', async () => {
    const base = parity('distilbert-f16-classes');
    // PEFT takes pre_classifier for a module that ends with classifier.
    const model = await load(base, {
      head: { classes: 5 },
      trainable: { lora: { ...lora, targets: ['pre_classifier'] } },
    });
    await model.apply(update);
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    expect(json(folder)).toMatchObject({ task_type: null, modules_to_save: null });
    expect(await names(folder)).toEqual(
      ['classifier.bias', 'classifier.weight', 'pre_classifier.lora_A.weight', 'pre_classifier.lora_B.weight'].map(
        (name) => `base_model.model.${name}`,
      ),
    );
    const batch = { ...tinyClasses, segments: undefined };
    expect(await rows(await load(base, { adapter: folder }), batch)).toEqual(await rows(model, batch));
  });

  it("is refused where PEFT's settings leave it out, or half of it is missing", async () => {
    const base = folderOf(tensors);
    const adapter = adapterOf({}, 'bert.', { target_modules: ['key'] });
    await rejects(
      () => load(base, { adapter }),
      'ERR_ZEST_UNSUPPORTED',
      /leave out 'bert.*query', which the adapter has/,
    );
    const endless = adapterOf({}, 'bert.', { target_modules: '([a-z.0]+)+!' });
    await rejects(() => load(base, { adapter: endless }), 'ERR_ZEST_UNSUPPORTED', /more than 2 s.*lists of names/);
    const half = adapterOf({ 'bert.encoder.layer.0.attention.self.key.lora_B.weight': f32([6, 2], sines(12)) });
    await rejects(() => load(base, { adapter: half }), 'ERR_ZEST_TENSOR_MISSING', /key' has lora_B and no lora_A/);
  });

  it('of a scale of 0 or below is added so', async () => {
    const base = folderOf(tensors);
    const at = async (alpha: number) =>
      rows(await load(base, { adapter: adapterOf({}, 'bert.', { lora_alpha: alpha }) }));
    expect(await at(0)).toEqual(await rows(await load(base)));
    const QUERY_B = `bert.${QUERY}.lora_B.weight`;
    const negative = f32(
      [6, 2],
      sines(12).map((value) => -value),
    );
    expect(await at(-6)).toEqual(await rows(await load(base, { adapter: adapterOf({ [QUERY_B]: negative }) })));
  });

  it('on a decoder that transformers names otherwise has its name', async () => {
    const base = parity('gpt_neox-parallel');
    const model = await load(base, { trainable: { lora: { ...lora, targets: ['embed_out'] } } });
    await model.apply(update);
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    expect(json(folder).target_modules).toEqual(['lm_head']);
    expect(await names(folder)).toEqual(['A', 'B'].map((part) => `base_model.model.lm_head.lora_${part}.weight`));
    const batch: Batch = { sequences: [[8, 14, 9]], targets: [{ kind: 'tokens', from: 1, to: 3 }] };
    expect(await rows(await load(base, { adapter: folder }), batch)).toEqual(await rows(model, batch));
  });

  it('on any module of a bare checkpoint has the name that a class with a head gives it', async () => {
    const base = parity('opt-projected-post');
    const file = join(base, 'model.safetensors');
    const bytes = readFileSync(file);
    const entries = (await readTensors(file)).map(({ name, dtype, shape, offset, bytes: length }) => [
      name.replace(/^model\./, ''),
      { dtype, shape, bytes: bytes.subarray(offset, offset + length) },
    ]);
    const bare = folderOf(Object.fromEntries(entries), JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')));
    const model = await load(bare, { trainable: { lora: { ...lora, targets: ['project_in', 'project_out'] } } });
    await model.apply(update);
    const folder = fresh();
    await model.save(folder, { weights: 'adapter' });
    const modules = ['in', 'out'].map((end) => `model.decoder.project_${end}`);
    expect(json(folder).target_modules).toEqual(modules);
    const batch: Batch = { sequences: [[8, 14, 9]], targets: [{ kind: 'tokens', from: 1, to: 3 }] };
    for (const again of [bare, base]) {
      expect(await rows(await load(again, { adapter: folder }), batch)).toEqual(await rows(model, batch));
    }
  });
});

describe('a checkpoint of GPT-NeoX', () => {
  it('may have its decoder under the name that transformers has for the module', async () => {
    const base = parity('gpt_neox-parallel');
    const file = join(base, 'model.safetensors');
    const bytes = readFileSync(file);
    const entries = (await readTensors(file)).map(({ name, dtype, shape, offset, bytes: length }) => [
      name.replace('embed_out', 'lm_head'),
      { dtype, shape, bytes: bytes.subarray(offset, offset + length) },
    ]);
    const renamed = folderOf(Object.fromEntries(entries), JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')));
    expect(await (await load(renamed)).digest()).toBe(await (await load(base)).digest());
  });
});

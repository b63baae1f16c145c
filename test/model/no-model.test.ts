import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { modelFolder } from '../../lib/model/built-in.ts';
import { Model } from '../../lib/model/model.ts';
import { loadConfig } from '../../lib/training/config.ts';
import { loadTokenizedTask } from '../../lib/training/inputs.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { tinyConfig } from '../fixtures/tiny-bert.ts';

const scratch = scratchFolder();
let written = 0;
const folderOf = (files: Record<string, string>): string => {
  const folder = join(scratch, `folder-${written++}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
};
const config = JSON.stringify(tinyConfig);
const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:7777\nsize 440449768\n';

describe('a path that is no model', () => {
  it.each<[string, RegExp]>([
    ['test/nowhere', /^test\/nowhere is not there: test has \S+\.test\.ts, .*; expected the folder of a Hugging Face/],
    ['test/modle', /^test\/modle is not there \(did you mean test\/model\?\)/],
    ['./nowhere', /^\.\/nowhere is not a folder; .*the name of one on the hub \(ORG\/NAME\), or film-roberta-mini/],
    ['package.json', /is not a folder but a file/],
  ])('%s says how to get one', (path, text) => rejects(() => Model.load(path), 'ERR_ZEST_FILE', text));

  it.each(['bert-base-uncased', 'no-one/no-model'])('%s may be on the hub', (name) =>
    rejects(
      () => Model.load(name),
      'ERR_ZEST_DOWNLOAD',
      new RegExp(`^${name} is no folder here, and the model ${name} is`),
    ),
  );

  it.each<[string, Record<string, string>, RegExp]>([
    ['an empty folder', {}, /config.json cannot be read: there is none; the folder is empty/],
    ['some other folder', { a: '', b: '' }, /there is none; the folder has a, b;/],
    [
      'PyTorch’s weights',
      { 'config.json': config, 'pytorch_model.bin': '' },
      /neither .* but pytorch_model.bin;.*BertForMaskedLM.from_pretrained\(/,
    ],
    ['TensorFlow’s weights', { 'config.json': config, 'tf_model.h5': '' }, /tf_model.h5.*from_tf/],
    ['Flax’s weights', { 'config.json': config, 'flax_model.msgpack': '' }, /flax_model.msgpack.*from_flax/],
    ['GGUF', { 'model-q8.gguf': '' }, /model-q8.gguf.*name that file as the model, .*folder-\d+.model-q8\.gguf/],
    ['an adapter', { 'adapter_model.safetensors': '' }, /adapter of PEFT's/],
    ['weights of another name', { 'config.json': config, 'weights.safetensors': '' }, /called model.safetensors/],
  ])('with %s says what is there, and the cure', (_, files, text) =>
    rejects(() => Model.load(folderOf(files)), 'ERR_ZEST_FILE', text),
  );

  it.each<[string, string, Record<string, string>]>([
    ['weights', 'ERR_ZEST_SAFETENSORS', { 'config.json': config, 'model.safetensors': POINTER }],
    ['an index', 'ERR_ZEST_SAFETENSORS', { 'config.json': config, 'model.safetensors.index.json': POINTER }],
    ['config.json', 'ERR_ZEST_CONFIG_JSON', { 'config.json': POINTER, 'model.safetensors': POINTER }],
  ])('with a pointer of Git LFS for %s says so', (_, code, files) =>
    rejects(() => Model.load(folderOf(files)), code, /this is a pointer of Git LFS.*git lfs pull/),
  );

  it('is told as such before its tokenizer and its words are looked at', async () => {
    const folder = folderOf({ 'config.json': '{"model_type": "mamba"}' });
    const made = (model: string) => ({
      ...{ model, task: { template: '{a} {mask}', labelWords: ['no such', 'words'] }, data: { train: 'x.csv' } },
      ...{ optimizer: { method: 'mezo', learningRate: 1 }, output: 'x' },
    });
    const load = async (model: string) => loadTokenizedTask(await loadConfig(made(model) as never));
    await rejects(() => load(folder), 'ERR_ZEST_FAMILY', /mamba/);
    await rejects(() => load('bert-base-uncased'), 'ERR_ZEST_DOWNLOAD', /is no folder here/);
  });
});

describe('the name of a built-in model', () => {
  const before = process.cwd();
  afterAll(() => process.chdir(before));

  it('is not hidden by a folder of the same name that holds no model', () => {
    process.chdir(scratch);
    mkdirSync('film-roberta-mini');
    expect(modelFolder('film-roberta-mini')).not.toBe('film-roberta-mini');
    writeFileSync('film-roberta-mini/config.json', config);
    expect(modelFolder('film-roberta-mini')).toBe('film-roberta-mini');
  });
});

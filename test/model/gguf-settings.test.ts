import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Model } from '../../lib/index.ts';
import { llamaGguf, type Metadata } from '../fixtures/gguf/write.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

// A GGUF file has the settings that a folder has in config.json: the same model either way.

const FIXTURES = fileURLToPath(new URL('../fixtures/parity/', import.meta.url));
const scratch = scratchFolder();
let made = 0;

type Json = Record<string, unknown>;

/** A folder of the fixtures, with another configuration. */
const folderOf = (name: string, changes: Json): string => {
  const folder = join(scratch, `folder-${made++}`);
  cpSync(join(FIXTURES, name), folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const { rope_parameters, rope_scaling, ...others } = config;
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...others, hidden_act: 'silu', ...changes }));
  return folder;
};

const metadataOf = (folder: string): { metadata: Metadata; heads: { q: number; k: number } } => {
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const width = config.head_dim;
  const metadata = {
    'general.architecture': 'llama',
    'llama.block_count': config.num_hidden_layers,
    'llama.context_length': config.max_position_embeddings,
    'llama.embedding_length': config.hidden_size,
    'llama.feed_forward_length': config.intermediate_size,
    'llama.attention.head_count': config.num_attention_heads,
    'llama.attention.head_count_kv': config.num_key_value_heads,
    'llama.attention.key_length': width,
    'llama.attention.value_length': width,
    'llama.rope.dimension_count': width,
    'llama.attention.layer_norm_rms_epsilon': config.rms_norm_eps,
    'llama.rope.freq_base': config.rope_theta,
  };
  return { metadata, heads: { q: config.num_attention_heads, k: config.num_key_value_heads } };
};

const fileOf = (folder: string, more: Metadata = {}, tensors: Record<string, number[]> = {}): string => {
  const { metadata, heads } = metadataOf(folder);
  const file = join(scratch, `${made++}.gguf`);
  writeFileSync(file, llamaGguf(folder, { ...metadata, ...more }, heads, tensors));
  return file;
};

const ids = [3, 41, 7, 7, 60, 2, 19, 33, 5, 71, 8];
const batch = {
  sequences: [ids],
  targets: [
    { kind: 'labelWords' as const, position: ids.length - 1, words: Array.from({ length: 70 }, (_, i) => i), label: 0 },
  ],
};
const logitsOf = async (path: string, options = {}): Promise<number[]> => {
  using model = await Model.load(path, { head: 'languageModel', ...options });
  return [...((await model.logits(batch))[0] as Float32Array)];
};

describe('a GGUF file of Llama', () => {
  const theta = { rope_theta: 500 };

  it.each([{}, { trainable: 'none' }, { trainable: { lora: { rank: 2, alpha: 4 } } }])(
    'has the biases of queries and keys where its weights have their rows: %j',
    async (options) => {
      const folder = folderOf('llama-f16-biases', theta);
      using wide = await Model.load(folder, { head: 'languageModel' });
      using model = await Model.load(fileOf(folder), options as object);
      for (const part of ['q', 'k', 'v', 'o']) {
        for (const end of ['weight', 'bias']) {
          const name = `model.layers.1.self_attn.${part}_proj.${end}`;
          expect(await model.parameter(name), name).toEqual(await wide.parameter(name));
        }
      }
      expect(await logitsOf(fileOf(folder), options)).toEqual(await logitsOf(folder));
    },
  );

  it.each<[string, Metadata, Json]>([
    ['a type and a factor', { 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 4 }, { factor: 4 }],
    ['a factor alone', { 'llama.rope.scaling.factor': 2.5 }, { factor: 2.5 }],
    ['the older key', { 'llama.rope.scale_linear': 4 }, { factor: 4 }],
    ['a type that is none', { 'llama.rope.scaling.type': 'none', 'llama.rope.scaling.factor': 4 }, {}],
    ['a factor of 1', { 'llama.rope.scaling.factor': 1 }, {}],
  ])('scales positions as llama.cpp does, by %s', async (_, metadata, scaling) => {
    const plain = folderOf('llama-f16-biases', theta);
    const scaled = 'factor' in scaling ? { rope_scaling: { rope_type: 'linear', ...scaling } } : {};
    const expected = await logitsOf(folderOf('llama-f16-biases', { ...theta, ...scaled }));
    expect(await logitsOf(fileOf(plain, metadata))).toEqual(expected);
    if ('factor' in scaling) expect(expected).not.toEqual(await logitsOf(plain));
  });

  // transformers' _compute_llama3_parameters, for heads of 16 columns and a base of 700.
  const factors = (low: number, high: number, context: number, factor: number): number[] =>
    Array.from({ length: 8 }, (_, i) => {
      const wavelength = 2 * Math.PI * 700 ** ((2 * i) / 16);
      if (wavelength < context / high) return 1;
      if (wavelength > context / low) return factor;
      const smooth = (context / wavelength - low) / (high - low);
      return 1 / ((1 - smooth) / factor + smooth);
    });

  it("has Llama 3's factors by its usual settings, and refuses others by name", async () => {
    const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const settings = { rope_theta: 70000, rope_scaling: { ...llama3, original_max_position_embeddings: 8192 } };
    const plain = folderOf('llama-llama3', { rope_theta: 70000 });
    const usual = Array.from({ length: 8 }, (_, i) => {
      const wavelength = 2 * Math.PI * 70000 ** ((2 * i) / 16);
      if (wavelength < 2048) return 1;
      if (wavelength > 8192) return 8;
      const smooth = (8192 / wavelength - 1) / 3;
      return 1 / ((1 - smooth) / 8 + smooth);
    });
    expect(await logitsOf(fileOf(plain, {}, { 'rope_freqs.weight': usual }))).toEqual(
      await logitsOf(folderOf('llama-llama3', settings)),
    );
    const small = folderOf('llama-llama3', { rope_theta: 700 });
    for (const [low, high, context] of [
      [1, 4, 32],
      [2, 6, 32],
    ] as const) {
      const file = fileOf(small, {}, { 'rope_freqs.weight': factors(low, high, context, 8) });
      await rejects(() => Model.load(file), 'ERR_ZEST_UNSUPPORTED', /rope_freqs\.weight is not what Llama 3's/);
    }
    const short = fileOf(small, {}, { 'rope_freqs.weight': [1, 1, 8] });
    await rejects(() => Model.load(short), 'ERR_ZEST_UNSUPPORTED', /rope_freqs\.weight/);
  });

  it.each<[string, Metadata, RegExp]>([
    ['a mixture of experts', { 'llama.expert_count': 8 }, /llama\.expert_count is 8; a mixture of experts/],
    ['a part of a model', { 'split.count': 2, 'split.no': 0 }, /split\.count is 2; expected a model in one file/],
    ['yarn', { 'llama.rope.scaling.type': 'yarn', 'llama.rope.scaling.factor': 4 }, /scaling\.type is .yarn./],
  ])('is refused for what is not computed: %s', async (_, metadata, text) => {
    const file = fileOf(folderOf('llama-f16-biases', theta), metadata);
    await rejects(() => Model.load(file), 'ERR_ZEST_UNSUPPORTED', text);
  });
});

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../lib/model/batch.ts';
import { modelConfig } from '../../lib/model/config-json.ts';
import { FAMILIES } from '../../lib/model/families/index.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { tinyConfig, tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { scratch, load, folderOf } = modelTests();

const sizes = {
  ...{ vocab_size: 60, hidden_size: 48, num_hidden_layers: 1, intermediate_size: 9 },
  ...{ num_attention_heads: 6, num_key_value_heads: 3 },
};
/** A configuration without a folder. */
const configOf = (model_type: string, settings: object) =>
  modelConfig('config.json', { model_type, ...sizes, ...settings });

describe('a setting of config.json', () => {
  // As the modules of transformers read it: the head_dim of a Qwen2's configuration, where there is one.
  it('is the width of heads', () => {
    const widths = ['llama', 'mistral', 'qwen2', 'qwen3'].map((type) => configOf(type, { head_dim: 12 }).headWidth);
    expect(widths).toEqual([12, 12, 12, 12]);
    expect(configOf('qwen2', {}).headWidth).toBe(8);
  });

  it('is refused where it is not computed, whatever the file says beside it', () => {
    const llama = (settings: object) => () => configOf('llama', settings);
    const rope_parameters = { rope_type: 'default', rope_theta: 300 };
    expect(llama({ rope_parameters, rope_scaling: { rope_type: 'yarn', factor: 2 } })).toThrow(
      /rope_scaling.rope_type is 'yarn'; this version takes default, linear, llama3/,
    );
    const linear = { rope_type: 'linear', factor: 2 };
    for (const part of [
      { rope_scaling: linear, partial_rotary_factor: 0.5 },
      { rope_parameters: { ...linear, partial_rotary_factor: 0.5 } },
    ])
      expect(llama(part)).toThrow(/partial_rotary_factor is 0.5; this version takes 1 only where rope_\w+ scales/);
  });

  // Every mask of transformers' causal models is of all tokens then.
  it.each(Object.keys(FAMILIES).filter((type) => FAMILIES[type]!.causal))('may not let a %s look ahead', (type) => {
    expect(() => configOf(type, { is_causal: false })).toThrow(/is_causal is false; this version takes true only/);
    expect(() => configOf(type, { is_causal: null })).toThrow(/is_causal is null; expected true or false/);
    expect(configOf(type, { is_causal: true }).family.causal).toBe(true);
  });

  it('is named as the file has it', () => {
    expect(() => configOf('gpt2', { num_attention_heads: 7 })).toThrow(
      /hidden_size 48 is not a multiple of num_attention_heads 7/,
    );
    expect(() => configOf('gpt2', { num_attention_heads: 0 })).toThrow(/num_attention_heads is 0/);
    expect(() => configOf('gpt2', { hidden_size: undefined, n_embd: 0 })).toThrow(/n_embd is 0/);
  });
});

describe('null in config.json', () => {
  // What transformers' configuration classes make of it.
  it('is what the key means by it, where it means something, and no default', () => {
    const window = (settings: object) => configOf('mistral', settings).window;
    expect([window({}), window({ sliding_window: null }), window({ sliding_window: 9 })]).toEqual([4096, 0, 9]);
    for (const type of ['llama', 'mistral', 'qwen2', 'qwen3'])
      expect(configOf(type, { num_key_value_heads: null, head_dim: 4 }).keyValueHeads).toBe(6);
    expect(configOf('llama', { head_dim: null }).headWidth).toBe(8);
    expect(configOf('qwen2', { use_sliding_window: null }).window).toBe(0);
    expect(configOf('opt', { word_embed_proj_dim: null }).embedding).toBe(48);
    expect(configOf('gpt2', { n_embd: 48, n_inner: null }).intermediate).toBe(192);
  });

  it.each([
    ['llama', 'hidden_size', /hidden_size is null; expected a whole number/],
    ['llama', 'rms_norm_eps', /rms_norm_eps is null; expected 0 or a number/],
    ['bert', 'tie_word_embeddings', /tie_word_embeddings is null; expected true or false/],
    ['opt', 'do_layer_norm_before', /do_layer_norm_before is null; expected true or false/],
    ['gpt2', 'activation_function', /activation_function is null; this version takes gelu/],
  ])('of a %s is refused as its %s', (type, key, text) => {
    expect(() => configOf(type, { [key]: null })).toThrow(text);
  });
});

describe('config.json', () => {
  it.each<[string, object, string, RegExp]>([
    ['an unknown family', { model_type: 'mamba' }, 'ERR_ZEST_FAMILY', /model_type is 'mamba'; known: bert, roberta/],
    [
      'heads of absurd width',
      { model_type: 'llama', head_dim: 1e9 },
      'ERR_ZEST_CONFIG_JSON',
      /head_dim.*at most 65536/,
    ],
    ['a family of Object', { model_type: 'constructor' }, 'ERR_ZEST_FAMILY', /'constructor'/],
    ['no family', { model_type: undefined }, 'ERR_ZEST_FAMILY', /model_type is undefined/],
    ['a decoder', { is_decoder: true }, 'ERR_ZEST_UNSUPPORTED', /is_decoder/],
    ['cross-attention', { add_cross_attention: true }, 'ERR_ZEST_UNSUPPORTED', /add_cross_attention/],
    [
      'relative positions',
      { position_embedding_type: 'relative_key' },
      'ERR_ZEST_UNSUPPORTED',
      /position_embedding_type is 'relative_key'/,
    ],
    [
      'an unknown activation',
      { hidden_act: 'mish' },
      'ERR_ZEST_UNSUPPORTED',
      /hidden_act is 'mish'; this version takes gelu/,
    ],
    ['an activation of Object', { hidden_act: 'toString' }, 'ERR_ZEST_UNSUPPORTED', /hidden_act is 'toString'/],
    ['no size', { hidden_size: undefined }, 'ERR_ZEST_CONFIG_JSON', /hidden_size is undefined/],
    ['a size that is text', { hidden_size: '6' }, 'ERR_ZEST_CONFIG_JSON', /hidden_size is '6'/],
    ['half a layer', { num_hidden_layers: 0.5 }, 'ERR_ZEST_CONFIG_JSON', /num_hidden_layers is 0.5/],
    [
      'a vocabulary of 2^31',
      { vocab_size: 2 ** 31 },
      'ERR_ZEST_CONFIG_JSON',
      /vocab_size is 2147483648; expected a whole number from 1 to 2147483647$/,
    ],
    [
      'heads that do not divide',
      { num_attention_heads: 4 },
      'ERR_ZEST_CONFIG_JSON',
      /hidden_size 6 is not a multiple of num_attention_heads 4/,
    ],
    ['an epsilon below 0', { layer_norm_eps: -1 }, 'ERR_ZEST_CONFIG_JSON', /layer_norm_eps is -1/],
    [
      'an epsilon beyond float32',
      { layer_norm_eps: 1e60 },
      'ERR_ZEST_CONFIG_JSON',
      /layer_norm_eps is 1e\+60; expected 0 or a number > 0 that float32/,
    ],
    [
      'an epsilon that float32 makes 0 of',
      { layer_norm_eps: 1e-60 },
      'ERR_ZEST_CONFIG_JSON',
      /layer_norm_eps is 1e-60/,
    ],
    ['a padding id out of range', { pad_token_id: 11 }, 'ERR_ZEST_CONFIG_JSON', /pad_token_id is 11/],
    ['a tie that is a number', { tie_word_embeddings: 1 }, 'ERR_ZEST_CONFIG_JSON', /tie_word_embeddings is 1/],
    [
      'more layers than the file',
      { num_hidden_layers: 2 },
      'ERR_ZEST_TENSOR_MISSING',
      /encoder.layer.1.attention.self.query.weight/,
    ],
    [
      'another vocabulary than the file',
      { vocab_size: 12 },
      'ERR_ZEST_TENSOR_SHAPE',
      /word_embeddings.weight' has shape \[11,6\].*\[12,6\]/,
    ],
  ])('may not have %s', async (_, changes, code, text) => {
    await rejects(() => load(folderOf(tinyTensors(), changes)), code, text);
  });

  it.each<[string, object, RegExp]>([
    ['a base beyond float32', { rope_theta: 1e60 }, /json: rope_theta is 1e\+60; expected a number > 0 that float32/],
    ['a base far below 1', { rope_theta: 1e-30 }, /turn position 69 by .*; expected an angle below 1048576/],
    [
      'a factor that float32 makes 0 of',
      { rope_scaling: { rope_type: 'linear', factor: 1e-40 } },
      /rope_scaling.factor is 1e-40/,
    ],
    ['a factor far below 1', { rope_scaling: { rope_type: 'linear', factor: 1e-30 } }, /turn position 69 by/],
    [
      'no factors apart',
      {
        rope_scaling: {
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 4,
          high_freq_factor: 4,
          original_max_position_embeddings: 8 * Math.fround(Math.PI),
        },
      },
      /turn position 69 by NaN/,
    ],
    ['an epsilon beyond float32', { rms_norm_eps: 1e60 }, /rms_norm_eps is 1e\+60/],
  ])('of a Llama may not have %s', async (_, changes, text) => {
    const folder = join(scratch, 'llama');
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
    const { rope_parameters, ...config } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, rope_theta: 500, ...changes }));
    await rejects(() => load(folder), 'ERR_ZEST_CONFIG_JSON', text);
  });

  it('of a RoBERTa needs a padding id with positions after it', async () => {
    const copy = join(scratch, 'roberta');
    cpSync(film, copy, { recursive: true });
    for (const [changes, text] of [
      [{ pad_token_id: null }, /pad_token_id is null/],
      [{ max_position_embeddings: 2 }, /leaves no position/],
    ] as const) {
      writeFileSync(
        join(copy, 'config.json'),
        JSON.stringify({ ...tinyConfig, model_type: 'roberta', vocab_size: 8192, pad_token_id: 1, ...changes }),
      );
      await rejects(() => load(copy), 'ERR_ZEST_CONFIG_JSON', text);
    }
  });

  it('of a BERT may have no padding id: no token is padding then', async () => {
    const zeros: Batch = { sequences: [[0, 3]], targets: [{ kind: 'maskedTokens', positions: [0], ids: [1] }] };
    await rejects(
      async () => (await load(folderOf(tinyTensors()))).evaluate(zeros, [[]]),
      'ERR_ZEST_TOKEN',
      /padding id 0/,
    );
    const model = await load(folderOf(tinyTensors(), { pad_token_id: null }));
    expect(await model.evaluate(zeros, [[]])).toHaveLength(1);
  });

  it('must be a JSON object in the folder', async () => {
    const folder = folderOf(tinyTensors());
    for (const content of ['{', '[]', 'null', '3']) {
      writeFileSync(join(folder, 'config.json'), content);
      await rejects(() => load(folder), 'ERR_ZEST_CONFIG_JSON', /config.json: (not JSON|expected a JSON object)/);
    }
    rmSync(join(folder, 'config.json'));
    await rejects(() => load(folder), 'ERR_ZEST_FILE', /config.json cannot be read/);
    await rejects(() => load(join(scratch, 'nowhere')), 'ERR_ZEST_FILE', /nowhere/);
  });
});

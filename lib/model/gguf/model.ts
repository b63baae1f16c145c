import { ZestError } from '../../errors.ts';
import { show } from '../../text/show.ts';
import { rotaryFrequencies } from '../rotary.ts';
import type { TensorEntry } from '../safetensors.ts';
import type { Gguf, GgufValue } from './format.ts';

/** By general.architecture: the model_type of transformers, and whether rows of queries and keys are interleaved. */
const ARCHITECTURES: Readonly<Record<string, { modelType: string; class: string; interleaved: boolean }>> = {
  llama: { modelType: 'llama', class: 'LlamaForCausalLM', interleaved: true },
  qwen2: { modelType: 'qwen2', class: 'Qwen2ForCausalLM', interleaved: false },
  qwen3: { modelType: 'qwen3', class: 'Qwen3ForCausalLM', interleaved: false },
};

/** Parts of a layer, under GGUF's names and transformers'. */
const PARTS: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const OTHERS: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

const nameOf = (name: string): string | undefined => {
  const [, layer, part, end] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (part === undefined) return OTHERS[name];
  const found = PARTS[part];
  return found && `model.layers.${layer}.${found}.${end}`;
};

/** Seven digits, as many as a float32 of the file has. */
const digits = (value: number): number => Number(value.toPrecision(7));

/** Llama 3's scaling as transformers has it, with the factors by which a file divides the frequencies. */
const LLAMA3 = { rope_type: 'llama3', low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/** How far a file's factors may be from those of the settings, in float32: a part of them. */
const FACTOR_TOLERANCE = 1e-4;

/** Llama 3's scaling by a file's factors, which do not say by which settings they came about. */
const llama3Scaling = ({ file, ropeFactors = [] }: Gguf, theta: number, headWidth: number): Record<string, unknown> => {
  const rope_scaling = { ...LLAMA3, factor: ropeFactors.at(-1) };
  const frequencies = (scaling: object) =>
    rotaryFrequencies(
      { file, json: { rope_theta: theta, ...scaling } },
      { share: 1, base: ['rope_theta', 10000] },
      { headWidth, positions: 1 },
    );
  const [plain, scaled] = [frequencies({}), frequencies({ rope_scaling })];
  const same =
    ropeFactors.length === plain.length &&
    ropeFactors.every((factor, i) => {
      const expected = plain[i]! / scaled[i]!;
      return Math.abs(factor - expected) <= FACTOR_TOLERANCE * expected;
    });
  if (same) return { rope_scaling };
  const settings = 'low_freq_factor 1, high_freq_factor 4 and original_max_position_embeddings 8192';
  const message = `${file}: rope_freqs.weight is not what Llama 3's ${settings} give; this version takes no other factors from a GGUF file, but the settings from a folder's config.json`;
  throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
};

/** As llama.cpp reads it: where no type is named a factor is linear, and the older key is read where there is no newer. */
const ropeScaling = (
  gguf: Gguf,
  name: string,
  value: (key: string) => GgufValue | undefined,
  { theta, headWidth }: { theta: number; headWidth: number },
): Record<string, unknown> => {
  if (gguf.ropeFactors) return llama3Scaling(gguf, theta, headWidth);
  const type = value('rope.scaling.type') ?? 'linear';
  const factor = value('rope.scaling.factor') ?? value('rope.scale_linear') ?? 0;
  const at = `${gguf.file}: ${name}.rope`;
  if (type === 'none') return {};
  if (type !== 'linear') {
    const message = `${at}.scaling.type is ${show(type)}; this version takes none, linear and Llama 3's`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  if (typeof factor !== 'number' || !(factor >= 0)) {
    throw new ZestError('ERR_ZEST_GGUF', `${at}.scaling.factor is ${show(factor)}; expected a number > 0`);
  }
  return factor === 0 || factor === 1 ? {} : { rope_scaling: { rope_type: 'linear', factor } };
};

/** Models that a file has but for what this version computes. */
const assertComputed = (file: string, name: string, metadata: ReadonlyMap<string, GgufValue>): void => {
  const above = (key: string, most: number): GgufValue | undefined => {
    const given = metadata.get(key);
    return typeof given === 'number' && given > most ? given : undefined;
  };
  const refuse = (what: string) => {
    throw new ZestError('ERR_ZEST_UNSUPPORTED', `${file}: ${what}`);
  };
  const experts = above(`${name}.expert_count`, 0);
  if (experts) refuse(`${name}.expert_count is ${show(experts)}; a mixture of experts is not computed`);
  const parts = above('split.count', 1);
  if (parts) refuse(`split.count is ${show(parts)}; expected a model in one file (llama-gguf-split --merge makes one)`);
};

/** A model of a GGUF file as a folder of transformers would have it: config.json and tensors by name. */
export interface GgufModel {
  json: Record<string, unknown>;
  checkpoint: Map<string, TensorEntry>;
}

/**
 * Describes the model of a GGUF file in transformers' words.
 *
 * @throws ERR_ZEST_FAMILY for an architecture that is not known, ERR_ZEST_GGUF for keys that are missing or no numbers,
 * ERR_ZEST_UNSUPPORTED for a scaling of positions that is not computed, a mixture of experts and a part of a model
 */
export const ggufModel = (gguf: Gguf): GgufModel => {
  const { file, metadata, tensors } = gguf;
  const bad = (what: string) => new ZestError('ERR_ZEST_GGUF', `${file}: ${what}`);
  const name = metadata.get('general.architecture');
  const architecture = typeof name === 'string' && Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (!architecture) {
    const known = Object.keys(ARCHITECTURES).join(', ');
    throw new ZestError('ERR_ZEST_FAMILY', `${file}: general.architecture is ${show(name)}; known in GGUF: ${known}`);
  }
  assertComputed(file, name as string, metadata);
  const value = (key: string): GgufValue | undefined => metadata.get(`${name}.${key}`);
  const number = (key: string, absent?: number): number => {
    const given = value(key) ?? absent;
    if (typeof given === 'number' && given > 0) return given;
    throw bad(`${name}.${key} is ${show(given)}; expected a number > 0`);
  };
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const embedding = tensors.find((tensor) => tensor.name === 'token_embd.weight');
  const vocabulary = embedding?.shape[0] ?? (Array.isArray(tokens) ? tokens.length : 0);
  const heads = number('attention.head_count');
  const keyValueHeads = number('attention.head_count_kv', heads);
  const hidden = number('embedding_length');
  const headWidth = number('attention.key_length', hidden / heads);
  const turned = number('rope.dimension_count', headWidth);
  if (turned !== headWidth || number('attention.value_length', headWidth) !== headWidth) {
    const message = `${file}: ${name}.rope.dimension_count or attention.value_length is not the width of a head, ${headWidth}`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  const theta = digits(number('rope.freq_base', 10000));
  const has = (tensor: string) => tensors.some((each) => each.name === tensor);
  const token = (key: string) => metadata.get(`tokenizer.ggml.${key}_token_id`);
  const json = {
    model_type: architecture.modelType,
    architectures: [architecture.class],
    vocab_size: vocabulary,
    hidden_size: hidden,
    num_hidden_layers: number('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    ...(headWidth !== hidden / heads || name === 'qwen3' ? { head_dim: headWidth } : {}),
    intermediate_size: number('feed_forward_length'),
    hidden_act: 'silu',
    max_position_embeddings: number('context_length'),
    rms_norm_eps: digits(number('attention.layer_norm_rms_epsilon')),
    rope_theta: theta,
    tie_word_embeddings: !has('output.weight'),
    attention_bias: has('blk.0.attn_q.bias'),
    ...(architecture.modelType === 'llama' ? { mlp_bias: has('blk.0.ffn_up.bias') } : { use_sliding_window: false }),
    bos_token_id: token('bos'),
    eos_token_id: token('eos'),
    ...ropeScaling(gguf, name as string, value, { theta, headWidth }),
  };
  const checkpoint = new Map<string, TensorEntry>();
  for (const tensor of tensors) {
    const known = nameOf(tensor.name);
    if (tensor.name === 'rope_freqs.weight') continue;
    const entry = { ...tensor, name: known ?? tensor.name };
    const part = /self_attn\.([qk])_proj/.exec(entry.name)?.[1];
    if (architecture.interleaved && part) entry.interleavedHeads = part === 'q' ? heads : keyValueHeads;
    checkpoint.set(entry.name, entry);
  }
  return { json, checkpoint };
};

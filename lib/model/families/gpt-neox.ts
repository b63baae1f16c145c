import { causalOnly, decoder } from './decoder.ts';
import type { Family } from './family.ts';

const attention = {
  name: 'attention.query_key_value',
  bias: ['attention_bias', true],
  fused: 'heads',
} as const;

/** transformers, modeling_gpt_neox.py: Pythia's family. */
export const gptNeox: Family = {
  ...decoder,
  architecture: 'GPTNeoX',
  prefix: 'gpt_neox.',
  config: {
    hidden: ['hidden_size', 6144],
    layers: ['num_hidden_layers', 44],
    heads: ['num_attention_heads', 64],
    intermediate: ['intermediate_size', 24576],
    vocabulary: ['vocab_size', 50432],
    positions: ['max_position_embeddings', 2048],
    normEpsilon: ['layer_norm_eps', 1e-5],
    activation: ['hidden_act', 'gelu'],
    tied: ['tie_word_embeddings', false],
    only: causalOnly,
  },
  norm: 'layer',
  parallel: ['use_parallel_residual', true],
  rotary: { share: ['rotary_pct', 0.25], base: ['rotary_emb_base', 10000] },
  embeddings: { words: 'embed_in' },
  layers: 'layers',
  layer: {
    query: attention,
    key: attention,
    value: attention,
    attentionOutput: { name: 'attention.dense', bias: ['attention_bias', true] },
    intermediate: 'mlp.dense_h_to_4h',
    output: 'mlp.dense_4h_to_h',
    attentionNorm: 'input_layernorm',
    outputNorm: 'post_attention_layernorm',
  },
  finalNorm: 'final_layer_norm',
  // transformers ≥ 5.23 calls the module lm_head, and still stores it as embed_out.
  languageModel: { decoder: 'embed_out', decoderModule: 'lm_head' },
};

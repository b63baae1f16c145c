import { causalOnly, decoder } from './decoder.ts';
import type { Family } from './family.ts';

/** transformers, modeling_llama.py. */
export const llama: Family = {
  ...decoder,
  architecture: 'Llama',
  prefix: 'model.',
  config: {
    hidden: ['hidden_size', 4096],
    layers: ['num_hidden_layers', 32],
    heads: ['num_attention_heads', 32],
    keyValueHeads: ['num_key_value_heads', null],
    headWidth: ['head_dim', null],
    intermediate: ['intermediate_size', 11008],
    vocabulary: ['vocab_size', 32000],
    positions: ['max_position_embeddings', 2048],
    normEpsilon: ['rms_norm_eps', 1e-6],
    activation: ['hidden_act', 'silu'],
    tied: ['tie_word_embeddings', false],
    only: causalOnly,
  },
  norm: 'rms',
  rotary: { share: 1, base: ['rope_theta', 10000] },
  embeddings: { words: 'embed_tokens' },
  layers: 'layers',
  layer: {
    query: { name: 'self_attn.q_proj', bias: ['attention_bias', false] },
    key: { name: 'self_attn.k_proj', bias: ['attention_bias', false] },
    value: { name: 'self_attn.v_proj', bias: ['attention_bias', false] },
    attentionOutput: { name: 'self_attn.o_proj', bias: ['attention_bias', false] },
    gate: { name: 'mlp.gate_proj', bias: ['mlp_bias', false] },
    intermediate: { name: 'mlp.up_proj', bias: ['mlp_bias', false] },
    output: { name: 'mlp.down_proj', bias: ['mlp_bias', false] },
    attentionNorm: 'input_layernorm',
    outputNorm: 'post_attention_layernorm',
  },
  finalNorm: 'norm',
};

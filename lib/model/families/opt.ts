import { causalOnly, decoder } from './decoder.ts';
import type { Family, LinearName } from './family.ts';

const linear = (name: string): LinearName => ({ name, bias: ['enable_bias', true] });

/** transformers, modeling_opt.py. The 350M form has norms after attention and MLP, and narrower embeddings. */
export const opt: Family = {
  ...decoder,
  architecture: 'OPT',
  prefix: 'model.',
  config: {
    hidden: ['hidden_size', 768],
    layers: ['num_hidden_layers', 12],
    heads: ['num_attention_heads', 12],
    intermediate: ['ffn_dim', 3072],
    vocabulary: ['vocab_size', 50272],
    positions: ['max_position_embeddings', 2048],
    embedding: ['word_embed_proj_dim', null],
    normEpsilon: 1e-5,
    activation: ['activation_function', 'relu'],
    tied: ['tie_word_embeddings', true],
    only: { ...causalOnly, layer_norm_elementwise_affine: true, _remove_final_layer_norm: false },
  },
  norm: 'layer',
  normFirst: ['do_layer_norm_before', true],
  firstPosition: 2,
  paddingId: 1,
  embeddings: {
    words: 'decoder.embed_tokens',
    positions: 'decoder.embed_positions',
    projection: { name: 'decoder.project_in', bias: false },
  },
  layers: 'decoder.layers',
  layer: {
    query: linear('self_attn.q_proj'),
    key: linear('self_attn.k_proj'),
    value: linear('self_attn.v_proj'),
    attentionOutput: linear('self_attn.out_proj'),
    intermediate: linear('fc1'),
    output: linear('fc2'),
    attentionNorm: 'self_attn_layer_norm',
    outputNorm: 'final_layer_norm',
  },
  finalNorm: 'decoder.final_layer_norm',
  outputProjection: { name: 'decoder.project_out', bias: false },
};

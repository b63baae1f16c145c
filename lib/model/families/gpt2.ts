import { causalOnly, decoder } from './decoder.ts';
import type { Family } from './family.ts';

const transposed = true;
const attention = { name: 'attn.c_attn', transposed, fused: 'blocks' } as const;

/** transformers, modeling_gpt2.py: linear layers of the blocks are Conv1D, inputs × outputs. */
export const gpt2: Family = {
  ...decoder,
  architecture: 'GPT2',
  heads: { LMHeadModel: 'languageModel', ForSequenceClassification: 'classifier', Model: 'none' },
  prefix: 'transformer.',
  config: {
    hidden: ['n_embd', 768],
    layers: ['n_layer', 12],
    heads: ['n_head', 12],
    intermediate: ['n_inner', null],
    vocabulary: ['vocab_size', 50257],
    positions: ['n_positions', 1024],
    normEpsilon: ['layer_norm_epsilon', 1e-5],
    activation: ['activation_function', 'gelu_new'],
    tied: ['tie_word_embeddings', true],
    aliases: {
      n_embd: 'hidden_size',
      n_layer: 'num_hidden_layers',
      n_head: 'num_attention_heads',
      n_positions: 'max_position_embeddings',
    },
    only: {
      ...causalOnly,
      scale_attn_weights: true,
      scale_attn_by_inverse_layer_idx: false,
      add_cross_attention: false,
    },
  },
  norm: 'layer',
  embeddings: { words: 'wte', positions: 'wpe' },
  layers: 'h',
  layer: {
    query: attention,
    key: attention,
    value: attention,
    attentionOutput: { name: 'attn.c_proj', transposed },
    intermediate: { name: 'mlp.c_fc', transposed },
    output: { name: 'mlp.c_proj', transposed },
    attentionNorm: 'ln_1',
    outputNorm: 'ln_2',
  },
  finalNorm: 'ln_f',
};

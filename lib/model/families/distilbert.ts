import { encoder } from './encoder.ts';
import type { Family } from './family.ts';

/** transformers, modeling_distilbert.py: no segments, no pooler, an epsilon that no key says. */
export const distilbert: Family = {
  ...encoder,
  architecture: 'DistilBert',
  prefix: 'distilbert.',
  config: {
    hidden: ['dim', 768],
    layers: ['n_layers', 6],
    heads: ['n_heads', 12],
    intermediate: ['hidden_dim', 3072],
    vocabulary: ['vocab_size', 30522],
    positions: ['max_position_embeddings', 512],
    normEpsilon: 1e-12,
    activation: ['activation', 'gelu'],
    tied: ['tie_word_embeddings', true],
    aliases: { dim: 'hidden_size', n_layers: 'num_hidden_layers', n_heads: 'num_attention_heads' },
    // Whether the positions began as sines does not matter (sinusoidal_pos_embds): their table is a tensor either way.
    only: {},
  },
  paddingId: 0,
  embeddings: {
    words: 'embeddings.word_embeddings',
    positions: 'embeddings.position_embeddings',
    norm: 'embeddings.LayerNorm',
  },
  layers: 'transformer.layer',
  layer: {
    query: 'attention.q_lin',
    key: 'attention.k_lin',
    value: 'attention.v_lin',
    attentionOutput: 'attention.out_lin',
    attentionNorm: 'sa_layer_norm',
    intermediate: 'ffn.lin1',
    output: 'ffn.lin2',
    outputNorm: 'output_layer_norm',
  },
  languageModel: {
    dense: 'vocab_transform',
    activation: 'configured',
    norm: 'vocab_layer_norm',
    bias: 'vocab_projector.bias',
    decoder: 'vocab_projector',
  },
  classifier: { token: 'first', dense: 'pre_classifier', activation: 'relu', output: 'classifier' },
};

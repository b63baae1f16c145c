import { encoder } from './encoder.ts';
import type { Family } from './family.ts';

/** transformers, modeling_bert.py. */
export const bert: Family = {
  ...encoder,
  architecture: 'Bert',
  heads: { ...encoder.heads, ForPreTraining: 'languageModel' },
  prefix: 'bert.',
  config: {
    hidden: ['hidden_size'],
    layers: ['num_hidden_layers'],
    heads: ['num_attention_heads'],
    intermediate: ['intermediate_size'],
    vocabulary: ['vocab_size'],
    positions: ['max_position_embeddings', 512],
    segments: ['type_vocab_size', 2],
    normEpsilon: ['layer_norm_eps', 1e-12],
    activation: ['hidden_act', 'gelu'],
    tied: ['tie_word_embeddings', true],
    only: { is_decoder: false, add_cross_attention: false, position_embedding_type: 'absolute' },
  },
  paddingId: 0,
  embeddings: {
    words: 'embeddings.word_embeddings',
    positions: 'embeddings.position_embeddings',
    segments: 'embeddings.token_type_embeddings',
    norm: 'embeddings.LayerNorm',
  },
  layers: 'encoder.layer',
  layer: {
    query: 'attention.self.query',
    key: 'attention.self.key',
    value: 'attention.self.value',
    attentionOutput: 'attention.output.dense',
    attentionNorm: 'attention.output.LayerNorm',
    intermediate: 'intermediate.dense',
    output: 'output.dense',
    outputNorm: 'output.LayerNorm',
  },
  languageModel: {
    dense: 'cls.predictions.transform.dense',
    activation: 'configured',
    norm: 'cls.predictions.transform.LayerNorm',
    bias: 'cls.predictions.bias',
    decoder: 'cls.predictions.decoder',
  },
  classifier: { token: 'first', dense: 'bert.pooler.dense', activation: 'tanh', output: 'classifier' },
};

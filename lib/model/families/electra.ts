import { bert } from './bert.ts';
import { encoder } from './encoder.ts';
import type { Family } from './family.ts';

/**
 * transformers, modeling_electra.py: BERT's encoder behind narrower embeddings, with a generator's and a classifier's
 * head. What ElectraForPreTraining tells is which tokens were replaced: that is no language model.
 */
export const electra: Family = {
  ...bert,
  architecture: 'Electra',
  heads: encoder.heads,
  prefix: 'electra.',
  config: { ...bert.config, embedding: ['embedding_size', 128] },
  embeddings: { ...bert.embeddings, projection: 'embeddings_project' },
  languageModel: {
    dense: 'generator_predictions.dense',
    activation: 'geluErf',
    norm: 'generator_predictions.LayerNorm',
    bias: 'generator_lm_head.bias',
    decoder: 'generator_lm_head',
  },
  classifier: { token: 'first', dense: 'classifier.dense', activation: 'geluErf', output: 'classifier.out_proj' },
};

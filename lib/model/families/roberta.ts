import { bert } from './bert.ts';
import type { Family } from './family.ts';

/** transformers, modeling_roberta.py: BERT's encoder, with positions after the padding id and heads of its own. */
export const roberta: Family = {
  ...bert,
  architecture: 'Roberta',
  prefix: 'roberta.',
  paddingId: 1,
  firstPosition: 'afterPadding',
  languageModel: {
    dense: 'lm_head.dense',
    activation: 'geluErf',
    norm: 'lm_head.layer_norm',
    bias: 'lm_head.bias',
    decoder: 'lm_head.decoder',
  },
  classifier: { token: 'first', dense: 'classifier.dense', activation: 'tanh', output: 'classifier.out_proj' },
};

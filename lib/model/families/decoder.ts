import type { Family, HeadKind } from './family.ts';

const heads: Readonly<Record<string, HeadKind | 'none'>> = {
  ForCausalLM: 'languageModel',
  ForSequenceClassification: 'classifier',
  Model: 'none',
};

/** Keys of config.json that causal models take one value of: attention to tokens that come after makes another model. */
export const causalOnly = { is_causal: true } as const;

/** What causal models have in common: norms before attention and MLP, and a classifier that reads the last token. */
export const decoder = {
  heads,
  normFirst: true,
  causal: true,
  firstPosition: 0,
  paddingId: null,
  languageModel: { decoder: 'lm_head' },
  classifier: { token: 'last', output: { name: 'score', bias: false } },
} as const satisfies Partial<Family>;

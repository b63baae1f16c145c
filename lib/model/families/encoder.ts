import type { Family, HeadKind } from './family.ts';

const heads: Readonly<Record<string, HeadKind | 'none'>> = {
  ForMaskedLM: 'languageModel',
  ForSequenceClassification: 'classifier',
  Model: 'none',
};

/** What encoders have in common: norms after attention and MLP, and every token attends to all. */
export const encoder = {
  heads,
  norm: 'layer',
  firstPosition: 0,
  // As the first published checkpoints have them, from TensorFlow.
  formerEnds: { 'LayerNorm.weight': 'LayerNorm.gamma', 'LayerNorm.bias': 'LayerNorm.beta' },
} as const satisfies Partial<Family>;

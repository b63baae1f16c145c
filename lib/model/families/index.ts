import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import type { Family } from './family.ts';
import { gptNeox } from './gpt-neox.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { opt } from './opt.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { roberta } from './roberta.ts';

/** By model_type of config.json. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  bert,
  roberta,
  'xlm-roberta': { ...roberta, architecture: 'XLMRoberta' },
  camembert: { ...roberta, architecture: 'Camembert' },
  distilbert,
  electra,
  gpt2,
  gpt_neox: gptNeox,
  llama,
  mistral,
  opt,
  qwen2,
  qwen3,
};

/** The family of a model_type; undefined if it is none that is known. */
export const familyOf = (modelType: unknown): Family | undefined =>
  typeof modelType === 'string' && Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType] : undefined;

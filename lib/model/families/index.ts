import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import type { Family } from './family.ts';
import { roberta } from './roberta.ts';

/** By model_type of config.json. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  bert,
  roberta,
  'xlm-roberta': { ...roberta, architecture: 'XLMRoberta' },
  camembert: { ...roberta, architecture: 'Camembert' },
  distilbert,
};

/** The family of a model_type; undefined if it is none that is known. */
export const familyOf = (modelType: unknown): Family | undefined =>
  typeof modelType === 'string' && Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType] : undefined;

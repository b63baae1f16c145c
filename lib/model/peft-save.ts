import type { Family } from './families/family.ts';
import { BASE_LAYER, WRAPPER } from './peft.ts';

/** A tensor of a model, by the index of its parameter and its name in transformers' class. */
interface NamedTensor {
  index: number;
  name: string;
}

/** A tensor that an adapter may hold. */
export interface CandidateTensor extends NamedTensor {
  isLora: boolean;
  /** Whether it is not as the base has it, or is trained. */
  isChanged: boolean;
  isHead: boolean;
  /** Whether a module of transformers' class has it, as it has no prefix. */
  isOfModule: boolean;
}

/** What is saved of a model as an adapter: LoRA's tensors, and the modules with others that the base does not have so. */
export interface AdapterParts {
  rank: number;
  alpha: number;
  /** With the names that they have there. */
  tensors: NamedTensor[];
  /** The modules that LoRA is put on. */
  targets: string[];
  modulesToSave: string[];
  /** Whether the adapter has a classifier of its own. */
  bringsHead: boolean;
}

/** What PEFT adds to modules_to_save of an adapter for SEQ_CLS. */
const CLASSIFIERS = ['classifier', 'score'];

const moduleOf = (name: string): string => name.replace(/\.(lora_[AB]\.)?[^.]+$/, '');

/** Whether a tensor is of a module that modules_to_save has: all are whose names end so, also inside a word. */
const isSaved = (name: string, modulesToSave: readonly string[]): boolean => {
  const path = moduleOf(name).split('.');
  const modules = path.map((_, i) => path.slice(0, i + 1).join('.'));
  return modulesToSave.some((saved) => modules.some((module) => module.endsWith(saved)));
};

/**
 * Chooses what an adapter holds: LoRA, and all that is not the base's, in whole modules, as PEFT reads those. What changed
 * of a module that LoRA is put on has the name that it has there.
 */
export const adapterParts = (
  size: { rank: number; alpha: number },
  tensors: readonly CandidateTensor[],
  isClassifier: boolean,
): AdapterParts => {
  const targets = new Set(tensors.filter(({ isLora }) => isLora).map(({ name }) => moduleOf(name)));
  const changed = tensors.filter(({ isLora, isChanged }) => isChanged && !isLora);
  // What has LoRA within is no module to save; PEFT reads the tensor alone as well.
  const hasLora = (saved: string) => [...targets].some((module) => isSaved(`${module}.weight`, [saved]));
  const outside = changed.filter(({ name, isOfModule }) => isOfModule && !hasLora(moduleOf(name)));
  // PEFT asks an adapter of SEQ_CLS for a head of its own, on which there is no LoRA.
  const bringsHead = isClassifier && outside.some(({ isHead }) => isHead) && !CLASSIFIERS.some(hasLora);
  const classifiers = bringsHead ? CLASSIFIERS : [];
  const modules = outside.map(({ name }) => classifiers.find((head) => isSaved(name, [head])) ?? moduleOf(name));
  const modulesToSave = [...new Set(modules)].sort();
  const kept = tensors.filter(({ name, isLora, isChanged }) => isLora || isChanged || isSaved(name, modulesToSave));
  return {
    ...size,
    tensors: kept.map(({ index, name, isLora }) => {
      const module = moduleOf(name);
      const isBase = !isLora && targets.has(module);
      return { index, name: WRAPPER + (isBase ? module + BASE_LAYER + name.slice(module.length + 1) : name) };
    }),
    targets: [...targets],
    modulesToSave,
    bringsHead,
  };
};

/** The ends of modules' names after the number of their layer, where all layers have them; full names for others. */
const targetModules = (modules: readonly string[], { layers }: Family, count: number): string[] => {
  const ends = new Map<string, string[]>();
  for (const module of modules) {
    const end = new RegExp(`(?:^|\\.)${layers.replaceAll('.', '\\.')}\\.\\d+\\.(.*)$`).exec(module)?.[1] ?? module;
    ends.set(end, [...(ends.get(end) ?? []), module]);
  }
  return [...ends].flatMap(([end, names]) => (names.length === count ? [end] : names)).sort();
};

/** The adapter_config.json of an adapter. */
export const adapterConfig = (
  { rank, alpha, targets, modulesToSave }: AdapterParts,
  family: Family,
  { layers, task, base }: { layers: number; task: 'SEQ_CLS' | 'CAUSAL_LM' | null; base: string },
): object => {
  const transposed = Object.values(family.layer).some((part) => typeof part === 'object' && part.transposed === true);
  return {
    peft_type: 'LORA',
    task_type: task,
    base_model_name_or_path: base,
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: transposed,
    target_modules: targetModules(targets, family, layers),
    modules_to_save: modulesToSave.length > 0 ? modulesToSave : null,
    use_rslora: false,
    use_dora: false,
    rank_pattern: {},
    alpha_pattern: {},
    init_lora_weights: true,
  };
};

import { ZestError } from '../errors.ts';
import type { Checkpoint } from './canonical-order.ts';
import type { ModelConfig } from './config-json.ts';
import { linearOf } from './families/family.ts';
import { ADAPTER_CONFIG, type StoredAdapter } from './peft.ts';
import type { CandidateTensor } from './peft-save.ts';
import type { Role, Roles } from './roles.ts';
import type { TensorEntry } from './safetensors.ts';
import { checkpointName, className, fullName, spelling } from './tensor-names.ts';
import { isFloat } from './tensors.ts';
import { decoderNames, untied } from './tied.ts';

// A base with the tensors of an adapter in the place of its own, and which of a model's tensors an adapter holds.

/** Buffers of modules that transformers once stored with their weights. */
const BUFFER = /(^|\.)(attn\.(masked_)?bias|attention\.(masked_)?bias|position_ids|token_type_ids|inv_freq)$/;

/** Whether an adapter has a decoder or word embeddings of its own, in a base that ties them. */
const isApart = (
  config: ModelConfig,
  { modules, replaced, isSaved }: Pick<StoredAdapter, 'modules' | 'replaced' | 'isSaved'>,
): boolean => {
  const { family } = config;
  const { words, decoder } = decoderNames(config);
  const ends = [words, decoder];
  const saved = [...replaced.keys()].map((name) => name.replace(/\.[^.]+$/, '')).filter(isSaved);
  return [...modules.keys(), ...saved].some((name) => ends.includes(`${fullName(name, family)}.weight`));
};

/**
 * The tensors of an adapter that replace those of a checkpoint, under the names that it has for them. Where PEFT saved word
 * embeddings beside the adapter and the decoder is tied to them, one is the other's second name.
 */
export const replacedTensors = (
  config: ModelConfig,
  checkpoint: Checkpoint,
  adapter: StoredAdapter | undefined,
): TensorEntry[] => {
  if (!adapter) return [];
  const { family } = config;
  const { words, decoder } = decoderNames(config);
  const named = new Map<string, TensorEntry>();
  for (const [name, tensor] of adapter.replaced)
    if (isFloat(tensor) && !BUFFER.test(name)) named.set(fullName(name, family), tensor);
  const second = config.tied && !isApart(config, adapter) ? named.get(decoder) : undefined;
  if (second) {
    named.delete(decoder);
    if (!named.has(words)) named.set(words, second);
  }
  return [...named].map(([name, tensor]) => ({ ...tensor, name: spelling(name, family, checkpoint) }));
};

/**
 * A language model with its decoder on its own, if an adapter has a copy of that or of the word embeddings, or LoRA on one:
 * PEFT changes one of the two that are tied, and leaves the other as the base has it.
 */
export const untiedByAdapter = (
  model: { config: ModelConfig; checkpoint: Map<string, TensorEntry> },
  base: Checkpoint,
  adapter: Pick<StoredAdapter, 'modules' | 'replaced' | 'isSaved'>,
): { config: ModelConfig; checkpoint: Map<string, TensorEntry> } => {
  const { config, checkpoint } = model;
  const { words } = decoderNames(config);
  if (!config.tied || !isApart(config, adapter)) return model;
  return untied(config, checkpoint, base.get(checkpointName(words, config.family, base) ?? ''));
};

/** Whether a tensor is of a head: of a language model, or of a classifier. */
const isOfHead = (name: string, { family: { languageModel, classifier } }: ModelConfig): boolean => {
  const { dense, norm, bias, decoder } = languageModel;
  const modules = [dense, norm, decoder, classifier.dense, linearOf(classifier.output).name];
  return name === bias || modules.some((module) => module !== undefined && name.startsWith(`${module}.`));
};

/**
 * Checks that what an adapter replaces is read: by the head that there is, if `hasChosenHead` does not say that it was asked
 * for in place of the adapter's.
 *
 * @throws ERR_ZEST_UNSUPPORTED for a tensor that no loss reads
 */
export const assertRead = (
  config: ModelConfig,
  replaced: readonly TensorEntry[],
  { names, hasChosenHead }: { names: ReadonlySet<string>; hasChosenHead: boolean },
): void => {
  const { bias, decoderBias } = decoderNames(config);
  const unread = replaced.find(({ name }) => {
    const isSecond = name === bias && names.has(decoderBias);
    const isLeftOut = hasChosenHead && isOfHead(fullName(name, config.family), config);
    return !names.has(name) && !isSecond && !isLeftOut;
  });
  if (unread === undefined) return;
  const message = `${unread.file}: tensor '${unread.name}' replaces none that the model computes with; expected modules_to_save of ${ADAPTER_CONFIG} to be of the base and its head`;
  throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
};

/** The tensors that an adapter of a model may hold, with the second names of those that are tied. */
export const candidateTensors = (
  config: ModelConfig,
  { wordEmbeddings, headOutput }: Roles,
  parameters: readonly { name: string; role: Role | undefined; isChanged: boolean }[],
): CandidateTensor[] => {
  const { decoder, decoderBias } = decoderNames(config);
  const named = parameters.map(({ name, role, isChanged }, index) => ({
    index,
    name: className(name, config.family),
    isLora: role?.adapter === 'lora',
    isChanged,
    isHead: role?.isHead ?? false,
    isOfModule: role?.adapter !== 'prefix',
  }));
  const words = named[headOutput.weight];
  const bias = named[headOutput.bias];
  const isSecond = bias && named.every(({ name }) => name !== decoderBias);
  return [
    ...named,
    ...(words && headOutput.weight === wordEmbeddings ? [{ ...words, name: className(decoder, config.family) }] : []),
    ...(isSecond && config.family.languageModel.bias ? [{ ...bias, name: decoderBias, isChanged: false }] : []),
  ];
};

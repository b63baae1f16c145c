import { ZestError } from '../errors.ts';
import type { Checkpoint } from './canonical-order.ts';
import type { ModelConfig } from './config-json.ts';
import { linearOf } from './families/family.ts';
import { ADAPTER_CONFIG, type StoredAdapter } from './peft.ts';
import type { CandidateTensor } from './peft-save.ts';
import type { Role, Roles } from './roles.ts';
import type { TensorEntry } from './safetensors.ts';
import { checkpointName, className, fullName, spelling } from './tensor-names.ts';
import { decoderNames, untied } from './tied.ts';

// A base with the tensors of an adapter in the place of its own, and which of a model's tensors an adapter holds.

/** The tensors of an adapter that replace those of a checkpoint, under the names that it has for them. */
export const replacedTensors = (
  { family }: ModelConfig,
  checkpoint: Checkpoint,
  adapter: StoredAdapter | undefined,
): TensorEntry[] =>
  [...(adapter?.replaced ?? [])].map(([name, tensor]) => ({
    ...tensor,
    name: spelling(fullName(name, family), family, checkpoint),
  }));

/**
 * A language model with its decoder on its own, if an adapter changes that or the word embeddings: PEFT changes one of the
 * two that are tied, and leaves the other as the base has it.
 */
export const untiedByAdapter = (
  model: { config: ModelConfig; checkpoint: Map<string, TensorEntry> },
  base: Checkpoint,
  { modules, replaced }: Pick<StoredAdapter, 'modules' | 'replaced'>,
): { config: ModelConfig; checkpoint: Map<string, TensorEntry> } => {
  const { config, checkpoint } = model;
  const { words, decoder } = decoderNames(config);
  const changed = [...replaced.keys(), ...[...modules.keys()].map((name) => `${name}.weight`)];
  const isChanged = changed.some((name) => [words, decoder].includes(fullName(name, config.family)));
  if (!config.tied || !isChanged) return model;
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

import { dirname, join } from 'node:path';
import { rangeError, ZestError } from '../errors.ts';
import type { NativeModelSpec, NativeParameter } from '../native/binding.ts';
import type { NameOf } from '../native/names.ts';
import { byUtf8 } from '../text/utf8-order.ts';
import { assertRead, candidateTensors, replacedTensors, untiedByAdapter } from './adapted.ts';
import { adapterOptions } from './adapter-options.ts';
import { baseTensors, type Checkpoint, classifierWeight, warnOfExtraLayers } from './canonical-order.ts';
import type { ModelConfig } from './config-json.ts';
import { chooseHead, type Head, type HeadOption, type HeadTensors, type ProblemType } from './head.ts';
import { assertSameOrder, labelsOf } from './labels.ts';
import { type AdapterTensor, newLora, storedLora } from './lora.ts';
import { ADAPTER_WEIGHTS, type StoredAdapter } from './peft.ts';
import { type AdapterParts, adapterParts } from './peft-save.ts';
import { prefixTensors } from './prefix.ts';
import { assignRoles, type Role, type Roles } from './roles.ts';
import type { TensorEntry } from './safetensors.ts';
import { readSource } from './source.ts';
import { checkpointName } from './tensor-names.ts';
import { assertFits, type NewTensor } from './tensors.ts';
import { selectTrainable, type Trainable } from './trainable.ts';

/** A model as the engine takes it, and what the engine need not know. */
export interface Description {
  spec: NativeModelSpec;
  head: Head;
  /** The heads that the checkpoint has. */
  stored: HeadTensors;
  /** Names of the classes of a classifier, as far as they are known. */
  labels: readonly string[] | undefined;
  /** What the outputs of a classifier are. */
  problemType: ProblemType | undefined;
  /** Shape of each parameter, as in the checkpoint. */
  shapes: readonly (readonly number[])[];
  /** Parameters that the loss reads. */
  read: ReadonlySet<number>;
  /** Parameters that are no tensors of a saved model: LoRA's, which are merged into the weights. */
  merged: ReadonlySet<number>;
  /** Whether the decoder of the language model is the word embeddings. */
  tied: boolean;
  /** What of the model is saved as an adapter, where it has LoRA. */
  adapter: AdapterParts | undefined;
}

const toParameter = (
  { name, file, dtype, shape, offset, interleavedHeads = 0, ...made }: TensorEntry | NewTensor,
  use: Pick<NativeParameter, 'trainable' | 'decays' | 'asStored'>,
): NativeParameter => ({
  name,
  rows: shape.slice(0, -1).reduce((a, b) => a * b, 1),
  columns: shape.at(-1) ?? 1,
  matrix: shape.length === 2,
  ...use,
  file,
  offset,
  fileType: dtype as NameOf<'fileType'>,
  initialScale: 'initialScale' in made ? made.initialScale : 0,
  initialSeed: 'initialSeed' in made ? made.initialSeed : 0n,
  initialOffset: 0,
  interleavedHeads,
});

/** The heads that a checkpoint has. */
const storedHeads = (config: ModelConfig, checkpoint: Checkpoint): HeadTensors => {
  const { dense, decoder } = config.family.languageModel;
  return {
    classifier: checkpoint.has(classifierWeight(config)),
    languageModel: dense ? checkpoint.has(`${dense}.weight`) : config.tied || checkpoint.has(`${decoder}.weight`),
  };
};

/**
 * The names of a classifier's classes: those that are asked for, or else the checkpoint's.
 *
 * @throws ERR_ZEST_OPTION for other names than the head has classes, or the checkpoint's in another order
 */
const classNames = (
  { file, json }: ModelConfig,
  { classes, isNew }: { classes: number; isNew: boolean },
  asked: readonly string[] | undefined,
): readonly string[] | undefined => {
  const known = labelsOf(json);
  const stored = known?.length === classes && !isNew ? known : undefined;
  const labels = asked ?? stored;
  if (labels && labels.length !== classes) {
    const message = `labels are ${labels.length} names, and the head has ${classes} classes; put a new one on with head: { classes: ${labels.length} }`;
    throw rangeError('ERR_ZEST_OPTION', message);
  }
  if (labels && stored) assertSameOrder(labels, stored, file);
  return labels;
};

/**
 * The tensors of adapters in canonical order, which their roles then are: those of parameters after the base's.
 *
 * @throws ERR_ZEST_TRAINABLE for one whose name the base has
 */
const placeAdapters = (
  adapters: readonly AdapterTensor[],
  base: readonly TensorEntry[],
  roles: Roles,
  folder: string,
): { tensor: TensorEntry; index: number; role: Role }[] => {
  const taken = new Set(base.map(({ name }) => name));
  const sorted = [...adapters].sort((a, b) => byUtf8(a.tensor.name, b.tensor.name));
  return sorted.map(({ adapter, tensor, place }, i) => {
    if (taken.has(tensor.name)) {
      const message = `${folder}: there is a tensor '${tensor.name}' already; merge that adapter first`;
      throw new ZestError('ERR_ZEST_TRAINABLE', message);
    }
    const index = base.length + i;
    place(roles, index);
    return { tensor, index, role: { isBias: false, isNorm: false, isHead: false, adapter } };
  });
};

/** The engine's names for the numbers of a configuration. */
const numbersOf = (config: ModelConfig) => {
  const { family, paddingId, ...numbers } = config;
  const { hidden, heads, keyValueHeads, headWidth, intermediate, embedding, vocabulary, positions } = numbers;
  const { segments, positionOffset, normEpsilon, normFirst, parallel, window, rotaryFrequencies, activation } = numbers;
  return {
    hidden,
    heads,
    keyValueHeads,
    headWidth,
    intermediate,
    embedding,
    vocabulary,
    positions,
    segments,
    positionOffset,
    normEpsilon,
    normFirst,
    parallel,
    window,
    rotaryFrequencies,
    activation,
    paddingId: (family.causal ? undefined : paddingId) ?? -1,
    norm: family.norm,
    causal: family.causal ?? false,
    rotaryScale: 1,
  };
};

/**
 * Puts the tensors of a checkpoint in canonical order and gives them their roles.
 *
 * Canonical order: the parameters of {@link baseTensors}; after them those of adapters, by the UTF-8 bytes of their names.
 * Tensors that no loss reads keep their place, but are never trained.
 *
 * @throws ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE or ERR_ZEST_TENSOR_DTYPE for a tensor that does not fit its
 * role, ERR_ZEST_OPTION and ERR_ZEST_TRAINABLE for options that do not fit the checkpoint, ERR_ZEST_UNSUPPORTED for
 * an adapter that replaces what nothing reads
 */
export const describe = (
  asked: ModelConfig,
  files: Checkpoint,
  options: {
    head?: HeadOption;
    labels?: readonly string[];
    trainable: Trainable;
    adapter?: StoredAdapter;
    dequantize?: boolean;
  },
): Description => {
  const { family } = asked;
  const { adapter } = options;
  const folder = dirname(asked.file);
  const replaced = replacedTensors(asked, files, adapter);
  const whole = new Map([...files, ...replaced.map((tensor) => [tensor.name, tensor] as const)]);
  const stored = storedHeads(asked, whole);
  const weight = classifierWeight(asked);
  const classes = whole.get(weight)?.shape[0] ?? 2;
  const brings = adapter?.replaced.has(weight) && options.head === undefined;
  const head: Head = brings ? { kind: 'classifier' } : chooseHead(asked, stored, options.head);
  const isClassifier = head.kind === 'classifier';
  const named = { config: asked, checkpoint: whole };
  const { config, checkpoint } = isClassifier || !adapter ? named : untiedByAdapter(named, files, adapter);
  const created = isClassifier ? head.initialize : undefined;
  if (created) for (const name of [weight, weight.replace(/weight$/, 'bias')]) checkpoint.delete(name);
  const { lora, prefix } = adapterOptions(options.trainable);
  if (lora && adapter) {
    const message = `trainable.lora asks for a new adapter, and that of ${adapter.folder} is put on; leave trainable out to go on with it`;
    throw new ZestError('ERR_ZEST_TRAINABLE', message);
  }
  const prefixes = prefixTensors(config, checkpoint, prefix);
  const base = baseTensors(config, checkpoint, { created, prefix: prefixes.map(({ tensor }) => tensor.name) });
  const indexes = new Map(base.map(({ name }, index) => [name, index]));

  const find = (name: string, shape: readonly number[]): number => {
    const index = indexes.get(checkpointName(name, family, indexes) ?? '');
    const tensor = index === undefined ? checkpoint.get(checkpointName(name, family, checkpoint) ?? '') : base[index];
    if (!tensor) {
      const lacksHead = head.kind === 'languageModel' && !stored.languageModel;
      const hint = lacksHead ? '; the checkpoint has no language model: choose another head' : '';
      const message = `${folder}: tensor '${name}' is missing, which the model needs${hint}`;
      throw new ZestError('ERR_ZEST_TENSOR_MISSING', message);
    }
    assertFits(tensor, shape);
    return index as number;
  };
  const outputs = isClassifier ? (created?.classes ?? classes) : config.vocabulary;
  const labels = isClassifier
    ? classNames(config, { classes: outputs, isNew: created !== undefined }, options.labels)
    : undefined;
  const hasDecoderBias = indexes.has(`${family.languageModel.decoder}.bias`);
  const { roles, read } = assignRoles(config, { kind: head.kind, outputs, hasDecoderBias }, find);

  const unplaced = [
    ...(lora ? newLora(lora, family, roles, base) : []),
    ...(adapter ? storedLora(adapter, family, roles, base) : []),
    ...prefixes,
  ];
  const adapters = placeAdapters(unplaced, base, roles, folder);
  for (const { index, role } of adapters) read.set(index, role);
  const tensors = [...base, ...adapters.map(({ tensor }) => tensor)];
  warnOfExtraLayers(config, tensors, read);

  const names = new Set([...read.keys()].map((index) => tensors[index]!.name));
  assertRead(config, replaced, { names, hasChosenHead: options.head !== undefined });

  const adapterFile = adapter && join(adapter.folder, ADAPTER_WEIGHTS);
  const isChanged = ({ file }: TensorEntry) => file === '' || file === adapterFile;
  /** Whether LoRA is put on what a tensor is of: then the tensor itself is of the base. */
  const hasLora = ({ name }: TensorEntry) => names.has(name.replace(/[^.]+$/, 'lora_A.weight'));
  const readParameters = [...read].map(([index, role]) => {
    const tensor = tensors[index]!;
    return { ...role, name: tensor.name, isNew: isChanged(tensor) && !hasLora(tensor) };
  });
  const isWhole = adapter !== undefined && options.trainable === 'all';
  const trained = selectTrainable(isWhole ? { lora: adapter } : options.trainable, readParameters);
  const parameters = tensors.map((tensor, index) => {
    const role = read.get(index);
    const trainable = role !== undefined && trained.has(tensor.name);
    return toParameter(tensor, {
      trainable,
      decays: role !== undefined && !role.isBias && !role.isNorm,
      asStored: tensor.dtype.startsWith('Q') && tensor.file !== '' && !trainable && !options.dequantize,
    });
  });
  const { activation: headActivation = 'configured' } = family[head.kind];
  const adapterScale = lora ? lora.alpha / lora.rank : (adapter?.scale ?? 1);
  const spec: NativeModelSpec = {
    ...numbersOf(config),
    outputs,
    adapterScale,
    headActivation: headActivation === 'configured' ? config.activation : headActivation,
    parameters,
    ...roles,
  };
  const { rank } = lora ?? adapter ?? { rank: 0 };
  const candidates = tensors.map((tensor, index) => ({
    name: tensor.name,
    role: read.get(index),
    isChanged: read.has(index) && (isChanged(tensor) || trained.has(tensor.name)),
  }));
  const parts = () =>
    adapterParts({ rank, alpha: adapterScale * rank }, candidateTensors(config, roles, candidates), isClassifier);
  return {
    spec,
    head,
    stored,
    labels,
    problemType: isClassifier
      ? (head.problemType ?? (outputs === 1 ? 'regression' : 'single_label_classification'))
      : undefined,
    shapes: tensors.map(({ shape }) => shape),
    read: new Set(read.keys()),
    merged: new Set(adapters.flatMap(({ index, role }) => (role.adapter === 'lora' ? [index] : []))),
    tied: config.tied,
    adapter: rank > 0 ? parts() : undefined,
  };
};

/** The names that a model of a checkpoint folder would have as its `trainableNames`; of its weights, tied ones alone are looked at. */
export const trainableNames = async (
  folder: string,
  options: { head?: HeadOption; trainable: Trainable },
): Promise<string[]> => {
  const { config, checkpoint } = await readSource(folder);
  const { spec } = describe(config, checkpoint, options);
  return spec.parameters.filter(({ trainable }) => trainable).map(({ name }) => name);
};

import { dirname, join } from 'node:path';
import { rangeError, ZestError } from '../errors.ts';
import type { NativeModelSpec, NativeParameter } from '../native/binding.ts';
import type { NameOf } from '../native/names.ts';
import { adapterOptions } from './adapter-options.ts';
import type { ModelConfig } from './config-json.ts';
import { type LinearName, linearOf } from './families/family.ts';
import { chooseHead, type Head, type HeadOption, type HeadTensors, type ProblemType } from './head.ts';
import { assertSameOrder, labelsOf } from './labels.ts';
import { newLora, storedLora } from './lora.ts';
import { ADAPTER_WEIGHTS, type AdapterParts, fullName, type StoredAdapter } from './peft.ts';
import { prefixTensors } from './prefix.ts';
import { assignRoles } from './roles.ts';
import type { TensorEntry } from './safetensors.ts';
import { readSource } from './source.ts';
import { bareName, checkpointName, unwrapped } from './tensor-names.ts';
import { assertFits, byUtf8, isFloat, type NewTensor, newTensor } from './tensors.ts';
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
  /** What of the model is LoRA, with a head that is new. */
  adapter: AdapterParts | undefined;
}

type Checkpoint = ReadonlyMap<string, TensorEntry>;

const toParameter = ({
  name,
  file,
  dtype,
  shape,
  offset,
  interleavedHeads = 0,
  ...made
}: TensorEntry | NewTensor): NativeParameter => ({
  name,
  rows: shape.slice(0, -1).reduce((a, b) => a * b, 1),
  columns: shape.at(-1) ?? 1,
  matrix: shape.length === 2,
  trainable: false,
  decays: false,
  asStored: false,
  file,
  offset,
  fileType: dtype as NameOf<'fileType'>,
  initialScale: 'initialScale' in made ? made.initialScale : 0,
  initialSeed: 'initialSeed' in made ? made.initialSeed : 0n,
  initialOffset: 0,
  interleavedHeads,
});

/** The tensors of a new classifier: linear layers with weights N(0, initializer_range²) and biases 0. */
const newClassifier = (
  config: ModelConfig,
  checkpoint: Checkpoint,
  { classes, seed }: { classes: number; seed: number },
): NewTensor[] => {
  const { family, hidden, embedding, initializerRange } = config;
  const inputs = family.outputProjection ? embedding : hidden;
  const isBare = !checkpoint.has(`${family.prefix}${family.embeddings.words}.weight`);
  const linear = (named: LinearName, shape: [number, number]): NewTensor[] => {
    const { name, bias = true } = linearOf(named);
    const spelled = isBare ? bareName(name, family) : name;
    const weight = newTensor(`${spelled}.weight`, shape, initializerRange, seed);
    return config.flag(bias) ? [weight, newTensor(`${spelled}.bias`, [shape[0]], 0, seed)] : [weight];
  };
  const { dense, output } = family.classifier;
  const hasDense = dense === undefined || checkpointName(`${dense}.weight`, family, checkpoint) !== undefined;
  return [...(hasDense ? [] : linear(dense, [hidden, hidden])), ...linear(output, [classes, inputs])];
};

/**
 * The checkpoint with its word embeddings under their own name, where they are there under the name of the decoder that is
 * tied to them alone: with another head they would be saved as what its class does not read.
 */
const withWords = ({ family, tied }: ModelConfig, checkpoint: Checkpoint): Checkpoint => {
  const words = `${family.prefix}${family.embeddings.words}.weight`;
  const decoder = `${family.languageModel.decoder}.weight`;
  const tensor = checkpoint.get(decoder);
  if (!tied || !tensor || checkpointName(words, family, checkpoint) !== undefined) return checkpoint;
  const named = new Map(checkpoint).set(words, { ...tensor, name: words });
  named.delete(decoder);
  return named;
};

/** Tensors that are another's second name. */
const aliases = ({ family, tied }: ModelConfig, checkpoint: Checkpoint): string[] => {
  const { decoder, bias } = family.languageModel;
  if (!tied) return [];
  const hasBoth = bias !== undefined && bias !== `${decoder}.bias` && checkpoint.has(bias);
  return hasBoth ? [`${decoder}.weight`, `${decoder}.bias`] : [`${decoder}.weight`];
};

/** Warns of layers of the checkpoint beyond those that its configuration counts. */
const warnOfExtraLayers = (
  { file, family, layers }: ModelConfig,
  tensors: readonly TensorEntry[],
  read: ReadonlyMap<number, unknown>,
): void => {
  const layer = `${family.layers}.`;
  const numbers = tensors.flatMap(({ name }, index) => {
    const bare = bareName(name, family);
    const number = Number.parseInt(bare.slice(layer.length), 10);
    return !read.has(index) && bare.startsWith(layer) && number >= layers ? [number] : [];
  });
  if (numbers.length === 0) return;
  const stored = Math.max(...numbers) + 1;
  const message = `${file}: ${family.config.layers[0]} is ${layers}, and the checkpoint has ${stored} layers; the others are not used`;
  process.emitWarning(message, { code: 'WARN_ZEST_LAYERS' });
};

/**
 * Puts the tensors of a checkpoint in canonical order and gives them their roles.
 *
 * Canonical order: all floating-point tensors of the checkpoint but aliases, and those of a new head, by the UTF-8 bytes
 * of their names; after them those of adapters, likewise. Tensors that no loss reads keep their place, but are never
 * trained.
 *
 * @throws ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE or ERR_ZEST_TENSOR_DTYPE for a tensor that does not fit its
 * role, ERR_ZEST_OPTION and ERR_ZEST_TRAINABLE for options that do not fit the checkpoint
 */
export const describe = (
  config: ModelConfig,
  files: Checkpoint,
  options: {
    head?: HeadOption;
    labels?: readonly string[];
    trainable: Trainable;
    adapter?: StoredAdapter;
    dequantize?: boolean;
  },
): Description => {
  const { family } = config;
  const { languageModel, classifier } = family;
  const { adapter } = options;
  const checkpoint = new Map(withWords(config, unwrapped(files, family, dirname(config.file))));
  for (const [name, tensor] of adapter?.replaced ?? []) {
    const spelled = checkpointName(name, family, checkpoint) ?? name;
    checkpoint.set(spelled, { ...tensor, name: spelled });
  }
  const outputName = linearOf(classifier.output).name;
  const output = checkpoint.get(`${outputName}.weight`);
  const has = {
    classifier: output !== undefined,
    languageModel: languageModel.dense
      ? checkpoint.has(`${languageModel.dense}.weight`)
      : config.tied || checkpoint.has(`${languageModel.decoder}.weight`),
  };
  const brings = adapter?.replaced.has(`${outputName}.weight`) && options.head === undefined;
  const head: Head = brings ? { kind: 'classifier' } : chooseHead(config, has, options.head);
  const created = head.kind === 'classifier' ? head.initialize : undefined;
  if (created) for (const end of ['weight', 'bias']) checkpoint.delete(`${outputName}.${end}`);
  const { lora, prefix } = adapterOptions(options.trainable);
  if (lora && adapter) {
    const message = `trainable.lora asks for a new adapter, and that of ${adapter.folder} is put on; leave trainable out to go on with it`;
    throw new ZestError('ERR_ZEST_TRAINABLE', message);
  }
  const prefixes = prefixTensors(config, checkpoint, prefix);
  const skipped = new Set([...aliases(config, checkpoint), ...prefixes.map(({ tensor }) => tensor.name)]);
  const base = [...checkpoint.values(), ...(created ? newClassifier(config, checkpoint, created) : [])]
    .filter((tensor) => isFloat(tensor) && !skipped.has(tensor.name))
    .sort(byUtf8);
  const indexes = new Map(base.map(({ name }, index) => [name, index]));

  const find = (name: string, shape: readonly number[]): number => {
    const index = indexes.get(checkpointName(name, family, indexes) ?? '');
    const tensor = index === undefined ? checkpoint.get(checkpointName(name, family, checkpoint) ?? '') : base[index];
    if (!tensor) {
      const lacksHead = head.kind === 'languageModel' && !has.languageModel;
      const hint = lacksHead ? '; the checkpoint has no language model: choose another head' : '';
      const message = `${dirname(config.file)}: tensor '${name}' is missing, which the model needs${hint}`;
      throw new ZestError('ERR_ZEST_TENSOR_MISSING', message);
    }
    assertFits(tensor, shape);
    return index as number;
  };
  const classes = created?.classes ?? output?.shape[0] ?? 2;
  const known = labelsOf(config.json);
  const stored = known?.length === classes && !created ? known : undefined;
  const labels = options.labels ?? stored;
  if (head.kind === 'classifier' && labels) {
    if (labels.length !== classes) {
      const message = `labels are ${labels.length} names, and the head has ${classes} classes; put a new one on with head: { classes: ${labels.length} }`;
      throw rangeError('ERR_ZEST_OPTION', message);
    }
    if (stored) assertSameOrder(labels, stored, config.file);
  }
  const outputs = head.kind === 'classifier' ? classes : config.vocabulary;
  const hasDecoderBias = indexes.has(`${languageModel.decoder}.bias`);
  const { roles, read } = assignRoles(config, { kind: head.kind, outputs, hasDecoderBias }, find);

  const adapters = [
    ...(lora ? newLora(lora, family, roles, base) : []),
    ...(adapter ? storedLora(adapter, family, roles, base) : []),
    ...prefixes,
  ];
  adapters.sort((a, b) => byUtf8(a.tensor, b.tensor));
  const tensors = [...base, ...adapters.map(({ tensor }) => tensor)];
  const merged = new Set<number>();
  for (const [i, { adapter, tensor, place }] of adapters.entries()) {
    if (indexes.has(tensor.name)) {
      const message = `${dirname(config.file)}: there is a tensor '${tensor.name}' already; merge that adapter first`;
      throw new ZestError('ERR_ZEST_TRAINABLE', message);
    }
    const index = base.length + i;
    place(roles, index);
    read.set(index, { isBias: false, isNorm: false, isHead: false, adapter });
    if (adapter === 'lora') merged.add(index);
  }

  warnOfExtraLayers(config, tensors, read);
  const adapterFile = adapter && join(adapter.folder, ADAPTER_WEIGHTS);
  const parameters = tensors.map(toParameter);
  const readParameters = [...read].map(([index, role]) => {
    const { name, file } = tensors[index] as TensorEntry;
    return { ...role, name, isNew: file === '' || file === adapterFile };
  });
  const isWhole = adapter !== undefined && options.trainable === 'all';
  const trained = selectTrainable(isWhole ? { lora: adapter } : options.trainable, readParameters);
  for (const [index, { isBias, isNorm }] of read) {
    const parameter = parameters[index] as NativeParameter;
    parameter.trainable = trained.has(parameter.name);
    parameter.decays = !isBias && !isNorm;
  }
  for (const parameter of parameters) {
    const quantized = parameter.fileType.startsWith('Q') && parameter.file !== '';
    parameter.asStored = quantized && !parameter.trainable && !options.dequantize;
  }
  const { activation: headActivation = 'configured' } = family[head.kind];
  const spec: NativeModelSpec = {
    hidden: config.hidden,
    heads: config.heads,
    keyValueHeads: config.keyValueHeads,
    headWidth: config.headWidth,
    intermediate: config.intermediate,
    embedding: config.embedding,
    vocabulary: config.vocabulary,
    positions: config.positions,
    segments: config.segments,
    positionOffset: config.positionOffset,
    paddingId: config.paddingId ?? -1,
    outputs,
    norm: family.norm,
    normEpsilon: config.normEpsilon,
    normFirst: config.normFirst,
    parallel: config.parallel,
    causal: family.causal ?? false,
    window: config.window,
    rotaryFrequencies: config.rotaryFrequencies,
    rotaryScale: 1,
    adapterScale: lora ? lora.alpha / lora.rank : (adapter?.scale ?? 1),
    activation: config.activation,
    headActivation: headActivation === 'configured' ? config.activation : headActivation,
    parameters,
    ...roles,
  };
  const { rank } = lora ?? adapter ?? { rank: 0 };
  const parts: AdapterParts | undefined = rank
    ? {
        ...{ rank, alpha: spec.adapterScale * rank },
        tensors: [...read].flatMap(([index, role]) => {
          const { name, file } = tensors[index] as TensorEntry;
          const isHead = role.isHead && (file === '' || file === adapterFile);
          return role.adapter === 'lora' || isHead ? [{ index, name: fullName(name, family) }] : [];
        }),
      }
    : undefined;
  return {
    spec,
    head,
    stored: has,
    labels: head.kind === 'classifier' ? labels : undefined,
    problemType:
      head.kind === 'classifier'
        ? (head.problemType ?? (classes === 1 ? 'regression' : 'single_label_classification'))
        : undefined,
    shapes: tensors.map(({ shape }) => shape),
    read: new Set(read.keys()),
    merged,
    adapter: parts,
  };
};

/** The names that a model of a checkpoint folder would have as its `trainableNames`; its weights are not read. */
export const trainableNames = async (
  folder: string,
  options: { head?: HeadOption; trainable: Trainable },
): Promise<string[]> => {
  const { config, checkpoint } = await readSource(folder);
  const { spec } = describe(config, checkpoint, options);
  return spec.parameters.filter(({ trainable }) => trainable).map(({ name }) => name);
};

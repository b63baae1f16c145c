import { dirname } from 'node:path';
import { ZestError } from '../errors.ts';
import type { NativeModelSpec, NativeParameter } from '../native.ts';
import type { EncoderConfig } from './config-json.ts';
import { chooseHead, type Head, type HeadOption } from './head.ts';
import { assignRoles } from './roles.ts';
import type { TensorEntry } from './safetensors.ts';
import { bareName, checkpointName } from './tensor-names.ts';
import { selectTrainable, type Trainable } from './trainable.ts';

/** A model as the engine takes it, and what the engine need not know. */
export interface Description {
  spec: NativeModelSpec;
  head: Head;
  /** Of each parameter, as in the checkpoint. */
  shapes: readonly (readonly number[])[];
}

type Checkpoint = ReadonlyMap<string, TensorEntry>;

/** A tensor of a new head, made from a seed. */
type NewTensor = TensorEntry & Pick<NativeParameter, 'initialScale' | 'initialSeed'>;

/** core/model.h FileType */
const FILE_TYPES: Readonly<Record<string, number>> = { F32: 0, F16: 1, BF16: 2 };
/** core/model.h Head */
const HEADS: Readonly<Record<Head['kind'], number>> = { languageModel: 0, classifier: 1 };
/** core/model.h Activation */
const GELU_ERF = 0;

const isFloat = ({ dtype, shape }: TensorEntry): boolean => Object.hasOwn(FILE_TYPES, dtype) && !shape.includes(0);

const byUtf8 = (a: TensorEntry, b: TensorEntry): number => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

const toParameter = ({ name, file, dtype, shape, offset, ...made }: TensorEntry | NewTensor): NativeParameter => ({
  name,
  rows: shape.slice(0, -1).reduce((a, b) => a * b, 1),
  columns: shape.at(-1) ?? 1,
  matrix: shape.length === 2,
  trainable: false,
  decays: false,
  file,
  offset,
  fileType: FILE_TYPES[dtype] as number,
  initialScale: 'initialScale' in made ? made.initialScale : 0,
  initialSeed: 'initialSeed' in made ? made.initialSeed : 0n,
  initialOffset: 0,
});

/** The tensors of a new classifier: linear layers with weights N(0, initializer_range²) and biases 0. */
const newClassifier = (
  config: EncoderConfig,
  checkpoint: Checkpoint,
  { classes, seed }: { classes: number; seed: number },
): NewTensor[] => {
  const { family, hidden, initializerRange } = config;
  const isBare = !checkpoint.has(`${family.prefix}embeddings.word_embeddings.weight`);
  const made = { file: '', dtype: 'F32', offset: 0, bytes: 0, initialSeed: BigInt(seed) };
  const linear = (name: string, rows: number): NewTensor[] => {
    const spelled = isBare ? bareName(name, family) : name;
    return [
      { ...made, name: `${spelled}.weight`, shape: [rows, hidden], initialScale: initializerRange },
      { ...made, name: `${spelled}.bias`, shape: [rows], initialScale: 0 },
    ];
  };
  const { dense, output } = family.classifier;
  const hasDense = checkpointName(`${dense}.weight`, family, checkpoint) !== undefined;
  return [...(hasDense ? [] : linear(dense, hidden)), ...linear(output, classes)];
};

/** Tensors that are another's second name. */
const aliases = ({ family, tied }: EncoderConfig, checkpoint: Checkpoint): string[] => {
  const { decoder, bias } = family.languageModel;
  if (!tied) return [];
  return checkpoint.has(bias) ? [`${decoder}.weight`, `${decoder}.bias`] : [`${decoder}.weight`];
};

/**
 * Puts the tensors of a checkpoint in canonical order and gives them their roles.
 *
 * Canonical order: all floating-point tensors of the checkpoint but aliases, and those of a new head, by the UTF-8 bytes
 * of their names. Tensors that no loss reads keep their place, but are never trained.
 *
 * Throws ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE or ERR_ZEST_TENSOR_DTYPE for a tensor that does not fit its
 * role, ERR_ZEST_OPTION and ERR_ZEST_TRAINABLE for options that do not fit the checkpoint.
 */
export const describe = (
  config: EncoderConfig,
  checkpoint: Checkpoint,
  options: { head?: HeadOption; trainable: Trainable },
): Description => {
  const { family } = config;
  const { languageModel, classifier } = family;
  const output = checkpoint.get(`${classifier.output}.weight`);
  const has = { classifier: output !== undefined, languageModel: checkpoint.has(`${languageModel.dense}.weight`) };
  const head = chooseHead(config, has, options.head);
  const created = head.kind === 'classifier' ? head.initialize : undefined;
  const skipped = new Set(aliases(config, checkpoint));
  const tensors = [...checkpoint.values(), ...(created ? newClassifier(config, checkpoint, created) : [])]
    .filter((tensor) => isFloat(tensor) && !skipped.has(tensor.name))
    .sort(byUtf8);
  const parameters = tensors.map(toParameter);
  const indexes = new Map(tensors.map(({ name }, index) => [name, index]));

  const find = (name: string, shape: readonly number[]): number => {
    const index = indexes.get(checkpointName(name, family, indexes) ?? '');
    const tensor =
      index === undefined ? checkpoint.get(checkpointName(name, family, checkpoint) ?? '') : tensors[index];
    if (!tensor) {
      const message = `${dirname(config.file)}: tensor '${name}' is missing, which the model needs`;
      throw new ZestError('ERR_ZEST_TENSOR_MISSING', message);
    }
    const place = `${tensor.file}: tensor '${tensor.name}'`;
    if (String(tensor.shape) !== String(shape)) {
      const message = `${place} has shape [${tensor.shape}]; config.json asks for [${shape}]`;
      throw new ZestError('ERR_ZEST_TENSOR_SHAPE', message);
    }
    if (index === undefined) {
      throw new ZestError('ERR_ZEST_TENSOR_DTYPE', `${place} has dtype ${tensor.dtype}; expected F32, F16 or BF16`);
    }
    return index;
  };
  const classes = created?.classes ?? output?.shape[0] ?? 2;
  if (head.kind === 'classifier' && classes < 2) {
    const message = `${output?.file}: the classifier has one output, a regression; this version takes two or more classes`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  const outputs = head.kind === 'classifier' ? classes : config.vocabulary;
  const hasDecoderBias = indexes.has(`${languageModel.decoder}.bias`);
  const { roles, read } = assignRoles(config, { kind: head.kind, outputs, hasDecoderBias }, find);

  const readParameters = [...read].map(([index, role]) => ({ name: tensors[index]?.name ?? '', ...role }));
  const trained = selectTrainable(options.trainable, readParameters);
  for (const [index, { isBias, isNorm }] of read) {
    const parameter = parameters[index] as NativeParameter;
    parameter.trainable = trained.has(parameter.name);
    parameter.decays = !isBias && !isNorm;
  }
  const spec: NativeModelSpec = {
    hidden: config.hidden,
    heads: config.heads,
    intermediate: config.intermediate,
    vocabulary: config.vocabulary,
    positions: config.positions,
    segments: config.segments,
    positionOffset: family.positionsFollowPadding ? (config.paddingId as number) + 1 : 0,
    paddingId: config.paddingId ?? -1,
    outputs,
    normEpsilon: config.normEpsilon,
    activation: config.activation,
    headActivation: languageModel.configuredActivation ? config.activation : GELU_ERF,
    head: HEADS[head.kind],
    parameters,
    ...roles,
  };
  return { spec, head, shapes: tensors.map(({ shape }) => shape) };
};

import { byUtf8 } from '../text/utf8-order.ts';
import type { ModelConfig } from './config-json.ts';
import { type LinearName, linearOf } from './families/family.ts';
import type { TensorEntry } from './safetensors.ts';
import { bareName, checkpointName, spelling } from './tensor-names.ts';
import { isFloat, type NewTensor, newTensor } from './tensors.ts';

// Which tensors of a checkpoint are parameters, and in which order.

export type Checkpoint = ReadonlyMap<string, TensorEntry>;

/** Name of the weight of a classifier's last layer. */
export const classifierWeight = ({ family }: ModelConfig): string =>
  `${linearOf(family.classifier.output).name}.weight`;

/** The tensors of a new classifier: linear layers with weights N(0, initializer_range²) and biases 0. */
const newClassifier = (
  config: ModelConfig,
  checkpoint: Checkpoint,
  { classes, seed }: { classes: number; seed: number },
): NewTensor[] => {
  const { family, hidden, embedding, initializerRange } = config;
  const inputs = family.outputProjection ? embedding : hidden;
  const linear = (named: LinearName, shape: [number, number]): NewTensor[] => {
    const { name, bias = true } = linearOf(named);
    const at = (end: string) => spelling(`${name}.${end}`, family, checkpoint);
    const weight = newTensor(at('weight'), shape, initializerRange, seed);
    return config.flag(bias) ? [weight, newTensor(at('bias'), [shape[0]], 0, seed)] : [weight];
  };
  const { dense, output } = family.classifier;
  const hasDense = dense === undefined || checkpointName(`${dense}.weight`, family, checkpoint) !== undefined;
  return [...(hasDense ? [] : linear(dense, [hidden, hidden])), ...linear(output, [classes, inputs])];
};

/**
 * The parameters of a model but for its adapters, in canonical order: all floating-point tensors of the checkpoint,
 * and those of a new head, by the UTF-8 bytes of their names.
 *
 * @param prefix names of the tensors of a prefix, which come later
 */
export const baseTensors = (
  config: ModelConfig,
  checkpoint: Checkpoint,
  { created, prefix }: { created: { classes: number; seed: number } | undefined; prefix: readonly string[] },
): TensorEntry[] => {
  const skipped = new Set(prefix);
  return [...checkpoint.values(), ...(created ? newClassifier(config, checkpoint, created) : [])]
    .filter((tensor) => isFloat(tensor) && !skipped.has(tensor.name))
    .sort((a, b) => byUtf8(a.name, b.name));
};

/** Warns of layers of the checkpoint beyond those that its configuration counts. */
export const warnOfExtraLayers = (
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
  const stored = numbers.reduce((most, number) => Math.max(most, number)) + 1;
  const message = `${file}: ${family.config.layers[0]} is ${layers}, and the checkpoint has ${stored} layers; the others are not used`;
  process.emitWarning(message, { code: 'WARN_ZEST_LAYERS' });
};

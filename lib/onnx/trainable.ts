import { ZestError } from '../errors.ts';
import { matchesGlob } from '../model/glob.ts';
import { nearest } from '../options/nearest.ts';
import { listed } from '../text/show.ts';
import { isUnnamed, linearLayers } from './linear-layers.ts';
import type { Graph, OnnxModel } from './model-file.ts';
import type { OnnxTrainable } from './options.ts';
import { isFloatType, shapeOf, typeOf, type Weight, weightOf } from './tensor.ts';
import type { Message } from './wire.ts';

const SHOWN = 8;

/**
 * The tensors of a graph by the names that callers give them: the graph's own, but that of the layer, `LAYER.weight`,
 * where the exporter made one up (`onnx::MatMul_356`).
 */
const namedTensors = ({ initializers, ...graph }: Graph): Map<string, Message> => {
  const ofLayers = new Map(
    linearLayers({ initializers, ...graph }).map(({ name, weight }) => [weight, `${name}.weight`] as const),
  );
  return new Map(
    [...initializers].map(([name, tensor]) => {
      const better = isUnnamed(name) ? ofLayers.get(name) : undefined;
      return [better === undefined || initializers.has(better) ? name : better, tensor];
    }),
  );
};

/** Whether a wildcard takes a tensor: it has floats, and is more than a constant of an expression. */
const isTrained = (tensor: Message): boolean => {
  const shape = shapeOf(tensor);
  return isFloatType(typeOf(tensor)) && shape.length > 0 && !shape.includes(0);
};

const noFloats = (tensors: ReadonlyMap<string, Message>, file: string): ZestError => {
  const all = [...tensors].map(([name, tensor]) => `${name} (${typeOf(tensor)} [${shapeOf(tensor)}])`);
  const message = `${file}: there is no weight to train; expected one of float32, float16 or bfloat16 with a dimension, found ${listed(all, SHOWN) || 'none'}. trainable: { lora } trains layers of other types too`;
  return new ZestError('ERR_ZEST_TRAINABLE', message);
};

const noMatch = (glob: string, names: readonly string[], file: string): ZestError => {
  const guess = nearest(glob, names);
  const hint = guess === undefined ? `there are ${listed(names, SHOWN)}` : `did you mean '${guess}'?`;
  return new ZestError('ERR_ZEST_TRAINABLE', `${file}: trainable: '${glob}' matches no weight; ${hint}`);
};

/** The globs that `trainable` has, `include` left out where it asks for LoRA alone. */
const globsOf = (trainable: OnnxTrainable): { include?: readonly string[]; exclude: readonly string[] } => {
  if (typeof trainable === 'string') return { include: [trainable === 'all' ? '*' : trainable], exclude: [] };
  if ('length' in trainable) return { include: trainable, exclude: [] };
  const { include, exclude = [], lora } = trainable;
  return { include: include ?? (lora && exclude.length === 0 ? undefined : ['*']), exclude };
};

/**
 * Chooses the weights to train by globs; none where `trainable` asks for LoRA alone.
 *
 * @throws ERR_ZEST_TRAINABLE for a glob that matches nothing, or if nothing is left; ERR_ZEST_TENSOR_DTYPE for a weight of
 * another type that is named
 */
export const trainedWeights = (trainable: OnnxTrainable, { graph, file }: OnnxModel): Weight[] => {
  const { include, exclude } = globsOf(trainable);
  if (!include) return [];
  const tensors = namedTensors(graph);
  const floats = [...tensors].filter(([, tensor]) => isTrained(tensor)).map(([name]) => name);
  const matching = (globs: readonly string[]): Set<string> =>
    new Set(
      globs.flatMap((glob) => {
        if (tensors.has(glob)) return [glob];
        const found = floats.filter((name) => matchesGlob(glob, name));
        if (floats.length === 0) throw noFloats(tensors, file);
        if (found.length === 0) throw noMatch(glob, floats, file);
        return found;
      }),
    );
  const included = matching(include);
  const excluded = matching(exclude);
  const chosen = [...included].filter((name) => !excluded.has(name));
  if (chosen.length === 0) throw new ZestError('ERR_ZEST_TRAINABLE', `${file}: trainable leaves no weight to train`);
  return chosen.map((name) => weightOf(name, tensors.get(name) as Message, file));
};

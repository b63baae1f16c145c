import type { Graph } from './model-file.ts';
import { inputsOf, integerAttribute, integersAttribute, metadataOf, operatorOf, outputsOf } from './nodes.ts';
import { elementName, NODE } from './proto.ts';
import { type FloatType, isFloatType, shapeOf, typeOf } from './tensor.ts';
import { type Message, textAt } from './wire.ts';

/** A node that multiplies by a constant matrix, whether that is stored as it is or quantised. */
export interface LinearLayer {
  name: string;
  node: Message;
  /** Name of the initializer that its matrix is made of. */
  weight: string;
  inputs: number;
  outputs: number;
  /** Type of what comes in and goes out. */
  type: LayerType;
  /** Whether what comes in is inputs × rows: a Gemm with transA. */
  isTurned: boolean;
}

/** Types that a layer under LoRA can compute in. */
export type LayerType = FloatType | 'float64';

const isLayerType = (type: string): type is LayerType => isFloatType(type) || type === 'float64';

/** A constant as a node takes it. */
interface Constant {
  /** Of the initializer that it is made of. */
  name: string;
  shape: readonly number[];
  type: string;
}

/** Finds the constant of a name, undefined if there is none. */
type Find = (name: string | undefined) => Constant | undefined;

/** Operators through which a constant stays one, and what they make of it. */
const THROUGH: Readonly<Record<string, (given: Constant, node: Message, find: Find) => Constant>> = {
  Cast: (given, node) => ({ ...given, type: elementName(integerAttribute(node, 'to') ?? 0) }),
  Identity: (given) => given,
  DequantizeLinear: (given, node, find) => {
    const asked = integerAttribute(node, 'output_dtype');
    return { ...given, type: asked ? elementName(asked) : (find(inputsOf(node)[1])?.type ?? 'float32') };
  },
  Transpose: (given, node) => {
    const { shape } = given;
    const order = integersAttribute(node, 'perm') ?? shape.map((_, i) => shape.length - 1 - i);
    return { ...given, shape: order.map((i) => shape[i] ?? 0) };
  },
};

/** Most operators on the way from an initializer to a layer. */
const LONGEST_WAY = 8;

const constantOf = (
  name: string,
  graph: Graph,
  makers: ReadonlyMap<string, Message>,
  longest = LONGEST_WAY,
): Constant | undefined => {
  const tensor = graph.initializers.get(name);
  if (tensor) return { name, shape: shapeOf(tensor), type: typeOf(tensor) };
  const maker = makers.get(name);
  const through = maker && THROUGH[operatorOf(maker)];
  if (!through || longest === 0) return undefined;
  const find: Find = (input = '') => constantOf(input, graph, makers, longest - 1);
  const given = find(inputsOf(maker)[0]);
  return given && through(given, maker, find);
};

/** Sizes and type of a layer, by its operator. */
const measured = (
  node: Message,
  graph: Graph,
  makers: ReadonlyMap<string, Message>,
): (Omit<LinearLayer, 'name' | 'node' | 'type'> & { type: string }) | undefined => {
  const [, second = '', third = ''] = inputsOf(node);
  const operator = operatorOf(node);
  if (operator === 'MatMulNBits') {
    const [outputs, inputs] = [integerAttribute(node, 'N') ?? 0, integerAttribute(node, 'K') ?? 0];
    const scales = graph.initializers.get(third);
    return scales && { weight: second, outputs, inputs, type: typeOf(scales), isTurned: false };
  }
  if (operator !== 'MatMul' && operator !== 'Gemm') return undefined;
  const matrix = constantOf(second, graph, makers);
  if (matrix?.shape.length !== 2) return undefined;
  const { name, shape, type } = matrix;
  const [inputs = 0, outputs = 0] = integerAttribute(node, 'transB') ? shape.toReversed() : shape;
  return { weight: name, outputs, inputs, type, isTurned: Boolean(integerAttribute(node, 'transA')) };
};

/** The module of PyTorch that a node was exported from, as its exporters say it; undefined if they do not. */
const moduleOf = (node: Message): string | undefined => {
  // "['', 'bert', 'bert.encoder', …, 'linear_3']": what is called, from the outside in.
  const scopes = metadataOf(node, 'pkg.torch.onnx.name_scopes');
  if (scopes !== undefined) return [...scopes.matchAll(/'([^']*)'/g)].map(([, scope]) => scope).at(-2) || undefined;
  // /bert/encoder/layer.0/attention/self/query/MatMul
  const path = textAt(node, NODE.name)?.match(/^\/?(.+)\/[^/]+$/)?.[1];
  return path?.replaceAll('/', '.');
};

/** Whether a name is one that an exporter made up. */
export const isUnnamed = (name: string): boolean => name === '' || /::|^val_\d+$/.test(name);

/** A name for a layer that has no module: that of its weight, where a person gave it, or of its node or output. */
const plainName = (node: Message, weight: string): string => {
  if (!isUnnamed(weight)) return weight.replace(/\.(weight|MatMul)$/, '');
  return textAt(node, NODE.name) || outputsOf(node)[0]!;
};

/**
 * The layers of a graph that multiply by a constant matrix, in its order, under the names of the modules that they were
 * exported from where these can be told. Two of one name are numbered: `dense`, `dense.1`.
 */
export const linearLayers = (graph: Graph): LinearLayer[] => {
  const makers = new Map(graph.nodes.flatMap((node) => outputsOf(node).map((output) => [output, node] as const)));
  const uses = new Map<string, number>();
  return graph.nodes.flatMap((node) => {
    const found = measured(node, graph, makers);
    if (!found || found.inputs < 1 || found.outputs < 1) return [];
    const { type, ...layer } = found;
    if (!isLayerType(type)) return [];
    const name = moduleOf(node) ?? plainName(node, layer.weight);
    const before = uses.get(name) ?? 0;
    uses.set(name, before + 1);
    return [{ name: before === 0 ? name : `${name}.${before}`, node, type, ...layer }];
  });
};

import type { Graph } from './model-file.ts';
import { inputsOf, integerAttribute, integersAttribute, metadataOf, operatorOf, outputsOf } from './nodes.ts';
import { NODE } from './proto.ts';
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
  type: FloatType;
}

/** A constant matrix: rows × columns as the node takes them. */
interface Matrix {
  /** Of the initializer that it is made of. */
  name: string;
  shape: readonly number[];
  type: string;
}

/** Operators through which a constant stays one, and what they make of its shape. */
const THROUGH: Readonly<Record<string, (node: Message, shape: readonly number[]) => readonly number[]>> = {
  Cast: (_, shape) => shape,
  Identity: (_, shape) => shape,
  DequantizeLinear: (_, shape) => shape,
  Transpose: (node, shape) => {
    const order = integersAttribute(node, 'perm') ?? shape.map((_, i) => shape.length - 1 - i);
    return order.map((i) => shape[i] ?? 0);
  },
};

const matrixOf = (value: string, graph: Graph, makers: ReadonlyMap<string, Message>): Matrix | undefined => {
  const way: Message[] = [];
  for (let name = value; ; ) {
    const tensor = graph.initializers.get(name);
    if (tensor) {
      const shape = way.reduceRight<readonly number[]>(
        (at, node) => THROUGH[operatorOf(node)]?.(node, at) ?? at,
        shapeOf(tensor),
      );
      return shape.length === 2 ? { name, shape, type: typeOf(tensor) } : undefined;
    }
    const maker = makers.get(name);
    if (!maker || !(operatorOf(maker) in THROUGH) || way.length > 8) return undefined;
    way.push(maker);
    name = inputsOf(maker)[0] ?? '';
  }
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
    return scales && { weight: second, outputs, inputs, type: typeOf(scales) };
  }
  if (operator !== 'MatMul' && operator !== 'Gemm') return undefined;
  if (operator === 'Gemm' && integerAttribute(node, 'transA')) return undefined;
  const matrix = matrixOf(second, graph, makers);
  if (!matrix) return undefined;
  const [inputs = 0, outputs = 0] = integerAttribute(node, 'transB') ? matrix.shape.toReversed() : matrix.shape;
  // A quantised matrix is made float32, if nothing else is said.
  const type = isFloatType(matrix.type) ? matrix.type : 'float32';
  return { weight: matrix.name, outputs, inputs, type };
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
  return textAt(node, NODE.name) || (outputsOf(node)[0] as string);
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
    if (!found || !isFloatType(found.type) || found.inputs < 1 || found.outputs < 1) return [];
    const { weight, inputs, outputs, type } = found;
    const name = moduleOf(node) ?? plainName(node, weight);
    const before = uses.get(name) ?? 0;
    uses.set(name, before + 1);
    return [{ name: before === 0 ? name : `${name}.${before}`, node, weight, inputs, outputs, type }];
  });
};

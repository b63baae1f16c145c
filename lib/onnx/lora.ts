import { rangeError, ZestError } from '../errors.ts';
import { targetModules } from '../model/lora.ts';
import { noise } from '../objectives/noise.ts';
import type { TensorSpec } from '../objectives/tensors.ts';
import { type LayerType, type LinearLayer, linearLayers } from './linear-layers.ts';
import type { Graph } from './model-file.ts';
import { castNode, inputsOf, newInput, newNode, outputsOf, withOutput } from './nodes.ts';
import type { OnnxLora } from './options.ts';
import { float32Tensor, newTensor } from './tensor.ts';
import type { Message } from './wire.ts';

/** The nodes that add scale · (x·Aᵀ)·B to a layer's output. */
const adapted = ({ name, node, type, isTurned }: LinearLayer, together: boolean): Message[] => {
  const [x] = inputsOf(node) as [string];
  const [y] = outputsOf(node) as [string];
  const step = (of: string): string => `${name}/lora/${of}`;
  const nodes = [withOutput(node, step('base'))];
  const put = (operator: string, inputs: string[], of: string, attributes?: Parameters<typeof newNode>[3]): string => {
    nodes.push(newNode(operator, inputs, step(of), attributes));
    return step(of);
  };
  const cast = (value: string, from: LayerType, to: LayerType, of: string): string => {
    if (from === to) return value;
    nodes.push(castNode(value, step(of), to));
    return step(of);
  };
  // As PEFT does it: a small step of a factor is lost in 16 bits.
  const own = type === 'float64' ? 'float64' : 'float32';
  let rows = cast(x, type, own, 'x');
  if (isTurned) rows = put('Transpose', [rows], 'turned', { perm: [1, 0] });
  // With several points, all that comes of one is a matrix of its own: points × rows × inputs.
  if (together) rows = put('Reshape', [rows, put('Concat', [POINTS, step('sizes')], 'shape', { axis: 0 })], 'split');
  const a = cast(factorName(name, 'A'), 'float32', own, 'A');
  const down = put('Transpose', [a], 'down', { perm: together ? [0, 2, 1] : [1, 0] });
  const middle = put('MatMul', [rows, down], 'middle');
  const up = cast(put('Mul', [factorName(name, 'B'), SCALE], 'scaled'), 'float32', own, 'B');
  let product = put('MatMul', [middle, up], 'product');
  if (together) product = put('Reshape', [product, put('Shape', [step('base')], 'whole')], 'joined');
  const added = cast(product, own, type, 'added');
  // Some exporters name a node as its output, which the layer has had so far.
  nodes.push(newNode('Add', [step('base'), added], y, {}, step('sum')));
  return nodes;
};

/** Input of a graph that computes several points: how many. */
export const POINTS = 'lora/points';

/** For {@link POINTS}: the other sizes of what comes into a layer. */
const sizesOf = ({ name, inputs }: LinearLayer): [string, Message] => {
  const values = new Uint8Array(BigInt64Array.of(-1n, BigInt(inputs)).buffer);
  return [`${name}/lora/sizes`, newTensor(`${name}/lora/sizes`, [2], 'int64', values)];
};

const SCALE = 'lora/scale';

const factorName = (layer: string, factor: 'A' | 'B'): string => `${layer}.lora_${factor}.weight`;

/** A from N(0, 1 / (3·inputs)), the variance of PEFT's Kaiming-uniform U(−1/√inputs, 1/√inputs). */
const initialA = (rank: number, inputs: number, seed: number, offset: number): Float32Array => {
  const scale = 1 / Math.sqrt(3 * inputs);
  return noise({ seed, stream: 0n, offset, length: rank * inputs }).map((value) => scale * value);
};

/**
 * Puts LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685) on layers of a graph: A (rank × inputs) and B (rank ×
 * outputs, PEFT's transposed) become inputs, float32 whatever the graph computes with, and x·Aᵀ·B is computed in float32
 * too, in float64 where the layer is. At B = 0 the graph computes what it did.
 *
 * @param together whether the graph computes several points at once: A and B have them as their first dimension, and so
 * have the examples, all of the first point before those of the second
 * @throws ERR_ZEST_TRAINABLE for a target that matches nothing, a rank beyond a target's rows or columns, and a graph
 * that has LoRA there
 */
export const withLora = (
  graph: Graph,
  { rank, alpha = rank, targets, seed = 0 }: OnnxLora,
  file: string,
  together = false,
): { graph: Graph; parameters: Record<string, TensorSpec> } => {
  const layers = linearLayers(graph);
  if (layers.length === 0) {
    throw new ZestError(
      'ERR_ZEST_TRAINABLE',
      `${file}: there is no layer for LoRA; expected a MatMul, Gemm or MatMulNBits with a constant matrix`,
    );
  }
  // A head of two classes, say, has no adapter of rank 8.
  const large = layers.filter(({ inputs, outputs }) => rank <= Math.min(inputs, outputs));
  const chosen = targets || large.length === 0 ? targetModules(targets ?? ['*'], layers) : large;
  const parameters: Record<string, TensorSpec> = {};
  let address = 0;
  for (const { name, inputs, outputs } of chosen) {
    if (rank > Math.min(inputs, outputs)) {
      const message = `trainable.lora.rank is ${rank}, which is more than '${name}' of ${inputs} × ${outputs} can have`;
      throw rangeError('ERR_ZEST_TRAINABLE', message);
    }
    if (graph.initializers.has(factorName(name, 'A'))) {
      const message = `${file}: '${name}' has LoRA already; train that with trainable: ['*.lora_A.weight', '*.lora_B.weight']`;
      throw new ZestError('ERR_ZEST_TRAINABLE', message);
    }
    parameters[factorName(name, 'A')] = { shape: [rank, inputs], data: initialA(rank, inputs, seed, address) };
    parameters[factorName(name, 'B')] = { shape: [rank, outputs] };
    address += rank * inputs;
  }
  const byNode = new Map(chosen.map((layer) => [layer.node, layer]));
  const added = Object.entries(parameters).map(([name, { shape }]) =>
    newInput(name, together ? ['points', ...shape] : shape),
  );
  return {
    graph: {
      ...graph,
      nodes: graph.nodes.flatMap((node) => {
        const layer = byNode.get(node);
        return layer ? adapted(layer, together) : [node];
      }),
      initializers: new Map([
        ...graph.initializers,
        ...(together ? chosen.map(sizesOf) : []),
        [SCALE, float32Tensor(SCALE, [], Float32Array.of(alpha / rank))],
      ]),
      inputs: [...graph.inputs, ...added, ...(together ? [newInput(POINTS, [1], 'int64')] : [])],
    },
    parameters,
  };
};

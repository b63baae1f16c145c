import type { TensorSpec } from '../objectives/tensors.ts';
import { withLora } from './lora.ts';
import type { Graph, OnnxModel } from './model-file.ts';
import { valueInfo } from './nodes.ts';
import type { OnnxTrainable } from './options.ts';
import { float32Tensor, type Weight, withValues } from './tensor.ts';
import { trainedWeights } from './trainable.ts';

/** A graph with what is to be trained. */
export interface Prepared {
  /** With LoRA, whose factors are inputs; weights that are trained are still constants. */
  graph: Graph;
  weights: readonly Weight[];
  /** LoRA's factors. */
  factors: Readonly<Record<string, TensorSpec>>;
}

/**
 * Chooses what is trained of a model.
 *
 * @param together whether the graph computes several points at once, which LoRA alone allows
 * @throws ERR_ZEST_TRAINABLE, ERR_ZEST_TENSOR_DTYPE
 */
export const prepared = (model: OnnxModel, trainable: OnnxTrainable, together = false): Prepared => {
  const weights = trainedWeights(trainable, model);
  const lora = typeof trainable === 'object' && 'lora' in trainable ? trainable.lora : undefined;
  if (!lora) return { graph: model.graph, weights, factors: {} };
  const { graph, parameters } = withLora(model.graph, lora, model.file, together);
  return { graph, weights, factors: parameters };
};

/** The graph with values of all that is trained as constants. */
export const withConstants = (
  { graph, weights, factors }: Prepared,
  values: ReadonlyMap<string, Float32Array>,
): Graph => ({
  ...graph,
  inputs: graph.inputs.filter((input) => !(valueInfo(input).name in factors)),
  initializers: new Map([
    ...graph.initializers,
    ...weights.map((weight) => [weight.initializer, withValues(weight, values.get(weight.name)!)] as const),
    ...Object.entries(factors).map(
      ([name, { shape }]) => [name, float32Tensor(name, shape, values.get(name)!)] as const,
    ),
  ]),
});

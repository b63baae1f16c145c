import type { Graph } from './model-file.ts';
import { castNode, newInput, valueInfo } from './nodes.ts';
import { GRAPH, VALUE_INFO } from './proto.ts';
import type { Weight } from './tensor.ts';
import { opened, textAt } from './wire.ts';

// Graphs with inputs in the place of what is trained. An input is float32 whatever the graph computes with.

/** The input of a graph that a trained tensor is fed to. */
export const feedName = ({ initializer, type }: Pick<Weight, 'initializer' | 'type'>): string =>
  type === 'float32' ? initializer : `${initializer}/float32`;

/** The graph with weights as inputs. */
export const withWeightInputs = (graph: Graph, weights: readonly Weight[]): Graph => {
  const names = new Set(weights.map(({ initializer }) => initializer));
  const casts = weights.filter(({ type }) => type !== 'float32');
  return {
    ...graph,
    initializers: new Map([...graph.initializers].filter(([name]) => !names.has(name))),
    nodes: [...casts.map((weight) => castNode(feedName(weight), weight.initializer, weight.type)), ...graph.nodes],
    inputs: [
      // Files of before 2019 name weights among the inputs too.
      ...graph.inputs.filter((input) => !names.has(valueInfo(input).name)),
      ...weights.map((weight) => newInput(feedName(weight), weight.shape)),
    ],
    rest: graph.rest.filter(
      (field) => field.number !== GRAPH.valueInfo || !names.has(textAt(opened(field), VALUE_INFO.name) ?? ''),
    ),
  };
};

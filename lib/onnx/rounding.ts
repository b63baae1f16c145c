import type { Graph } from './model-file.ts';
import { inputsOf, integerAttribute, operatorOf, outputsOf, valueInfo } from './nodes.ts';
import { elementName } from './proto.ts';
import { type FloatType, isFloatType, type Weight } from './tensor.ts';
import type { Message } from './wire.ts';

// Which trained weights a graph rounds before it computes with them. Their values are fed rounded: onnxruntime computes much
// of float16 in float32 on a CPU, leaves out a cast to float16 and back, and so would take other values than are saved.

/** Operators that take values from one place to another. */
const MOVES: readonly string[] = ['Transpose', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather'];

/** Nodes by each of the values that they take. */
const usersOf = ({ nodes }: Graph): Map<string, Message[]> => {
  const users = new Map<string, Message[]>();
  for (const node of nodes) {
    for (const input of inputsOf(node)) {
      const others = users.get(input);
      if (others) others.push(node);
      else users.set(input, [node]);
    }
  }
  return users;
};

/**
 * The types that weights are rounded to before a graph computes with them, by their names in the graph: their own, or that
 * which each use of a float32 weight casts it to, as mixed precision is exported.
 */
export const roundedTypes = (graph: Graph, weights: readonly Weight[]): Map<string, FloatType> => {
  const users = usersOf(graph);
  const outputs = new Set(graph.outputs.map((output) => valueInfo(output).name));
  /** Types that a float32 value is used in. */
  const usedIn = (value: string): string[] => {
    const nodes = outputs.has(value) ? [] : (users.get(value) ?? []);
    if (nodes.length === 0) return ['float32'];
    return nodes.flatMap((node) => {
      const operator = operatorOf(node);
      if (operator === 'Cast') return [elementName(integerAttribute(node, 'to') ?? 0)];
      return MOVES.includes(operator) ? outputsOf(node).flatMap(usedIn) : ['float32'];
    });
  };
  return new Map(
    weights.map(({ initializer, type }) => {
      const [used = type, ...others] = type === 'float32' ? new Set(usedIn(initializer)) : [type];
      return [initializer, others.length === 0 && isFloatType(used) ? used : type];
    }),
  );
};

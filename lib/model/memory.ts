import type { NativeModelSpec } from '../native/binding.ts';
import { native } from '../native/load.ts';
import { blockBytes } from './gguf/format.ts';

/** Memory that a model takes. */
export interface MemoryUse {
  /** Bytes of all parameters as they are stored. */
  weights: number;
  /** Bytes of the activations of one evaluation group, the two sides of a direction. */
  activations: number;
}

const FLOAT_BYTES = 4;

/**
 * Memory from shapes, on the CPU: the weights, quantised ones that stay so in their blocks, and for both sides of a
 * direction, each token's hidden state, row of the word embeddings, query, key, value, context, projection and norm,
 * and the inner layer, in float32.
 */
export const memoryUse = (
  { parameters, hidden, intermediate }: Pick<NativeModelSpec, 'parameters' | 'hidden' | 'intermediate'>,
  { dtype, tokens }: { dtype: 'float32' | 'bfloat16'; tokens: number },
): MemoryUse => ({
  weights: parameters.reduce((sum, { rows, columns, asStored, fileType }) => {
    const elements = rows * columns;
    return sum + (asStored ? blockBytes(fileType, elements) : elements * (dtype === 'bfloat16' ? 2 : FLOAT_BYTES));
  }, 0),
  activations: 2 * Math.min(tokens, native().limits.packedTokens) * (8 * hidden + intermediate) * FLOAT_BYTES,
});

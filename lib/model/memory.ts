import { native } from '../native/load.ts';

/** Memory that a model takes. */
export interface MemoryUse {
  /** Bytes of all parameters as they are stored. */
  weights: number;
  /** Bytes of the activations of one evaluation group, the two sides of a direction. */
  activations: number;
}

const FLOAT_BYTES = 4;

/**
 * Memory from shapes, on the CPU: the weights, and for both sides of a direction, each token's hidden state, row of the
 * word embeddings, query, key, value, context, projection and norm, and the inner layer, in float32.
 */
export const memoryUse = (
  shape: { parameterCount: number; hidden: number; intermediate: number; dtype: 'float32' | 'bfloat16' },
  tokens: number,
): MemoryUse => ({
  weights: shape.parameterCount * (shape.dtype === 'bfloat16' ? 2 : FLOAT_BYTES),
  activations:
    2 * Math.min(tokens, native().limits.packedTokens) * (8 * shape.hidden + shape.intermediate) * FLOAT_BYTES,
});

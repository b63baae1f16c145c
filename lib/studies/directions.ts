import { noise } from '../objectives/noise.ts';

/** So many values of N(0, 1), of a seed and a stream. */
export const normals = (seed: number, stream: number, length: number): Float32Array =>
  noise({ seed, stream: BigInt(stream), offset: 0, length });

/** Σ cᵢvᵢ of directions that lie one behind another. */
export const combine = (c: ArrayLike<number>, v: Float32Array, dimension: number): Float64Array => {
  const sum = new Float64Array(dimension);
  for (let i = 0; i < c.length; i++) {
    const factor = c[i]!;
    for (let j = 0; j < dimension; j++) sum[j] = sum[j]! + factor * v[i * dimension + j]!;
  }
  return sum;
};

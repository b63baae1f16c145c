import { noise } from '../noise.ts';
import { estimateMean } from '../statistics.ts';

/** So many values of N(0, 1), of a seed and a stream. */
export const normals = (seed: number, stream: number, length: number): Float32Array =>
  noise({ seed, stream: BigInt(stream), offset: 0, length });

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] as number) * (b[j] as number);
  return sum;
};

/** Σ cᵢvᵢ of directions that lie one behind another. */
export const combine = (c: ArrayLike<number>, v: Float32Array, dimension: number): Float64Array => {
  const sum = new Float64Array(dimension);
  for (let i = 0; i < c.length; i++) {
    const factor = c[i] as number;
    for (let j = 0; j < dimension; j++) sum[j] = (sum[j] as number) + factor * (v[i * dimension + j] as number);
  }
  return sum;
};

export const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/** A number of a finding: three digits. NaN is what was not reached. */
export const brief = (value: number): string =>
  Number.isNaN(value) ? 'more than were tried' : String(Number(value.toPrecision(3)));

/** A mean with its 95 % interval, as a chart's line has it. */
export const lineOf = (name: string, x: readonly number[], samples: readonly (readonly number[])[]) => {
  const estimates = samples.map(estimateMean);
  return {
    name,
    x,
    y: estimates.map(({ value }) => value),
    low: estimates.map(({ low }) => low),
    high: estimates.map(({ high }) => high),
  };
};

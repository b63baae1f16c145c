import type { Law } from '../../lib/objective.ts';
import { vectorObjective } from '../../lib/objectives/vector.ts';

/** ½xᵀAx + b·x + c around x0, in float64. */
export const quadratic = (
  a: readonly (readonly number[])[],
  options: { x0?: readonly number[]; b?: readonly number[]; c?: number; law?: Law; seed?: number } = {},
) => {
  const { x0 = a.map(() => 0), b = a.map(() => 0), c = 0, law = 'gaussian', seed = 1 } = options;
  const f = (x: Float64Array): number =>
    a.reduce((sum, row, i) => sum + x[i]! * (b[i]! + row.reduce((s, value, j) => s + value * x[j]!, 0) / 2), c);
  return vectorObjective(f, x0, { directions: { seed, law } });
};

export const diagonal = (values: readonly number[]): number[][] =>
  values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));

import type { EstimatorOptions } from '../methods/estimators.ts';
import { dot } from '../numbers/vectors.ts';

/** The estimators that studies compare, by what their tables call them. */
export const ESTIMATORS: Readonly<Record<string, Pick<EstimatorOptions, 'estimator' | 'sides'>>> = {
  naive: { estimator: 'naive', sides: 'two' },
  biasCorrected: { estimator: 'biasCorrected', sides: 'two' },
  beale: { estimator: 'beale', sides: 'two' },
  jackknife: { estimator: 'jackknife', sides: 'two' },
  'one-sided': { estimator: 'naive', sides: 'one' },
};

/** What an estimator comes to, relative to ∇F_t. */
export interface Quality {
  /** E[G]·∇F_t/‖∇F_t‖²: below 1 the step is too short. */
  scale: number;
  /** E‖G − EG‖²/‖EG‖². */
  noise: number;
  /** E‖G − ∇F_t‖²/‖∇F_t‖². */
  error: number;
  /** The same of aG, with the best a: what is left when the learning rate is chosen. */
  tunedError: number;
  /** Mean cosine of G with ∇F_t. */
  cosine: number;
  /** E‖G‖/‖∇F_t‖. */
  length: number;
}

/** Takes estimates of a vector one by one, and says how good they are. */
export const gatherEstimates = (target: ArrayLike<number>) => {
  const sums = { count: 0, along: 0, squared: 0, length: 0, cosine: 0 };
  const sum = new Float64Array(target.length);
  const size = dot(target, target);
  return {
    add(G: Float64Array): void {
      const [along, squared] = [dot(G, target), dot(G, G)];
      sums.count++;
      sums.along += along;
      sums.squared += squared;
      sums.length += Math.sqrt(squared);
      sums.cosine += along / Math.sqrt(squared);
      for (let j = 0; j < sum.length; j++) sum[j] = sum[j]! + G[j]!;
    },
    quality(): Quality {
      const { count } = sums;
      const [along, squared] = [sums.along / count, sums.squared / count];
      return {
        scale: along / size,
        noise: (squared * count ** 2) / dot(sum, sum) - 1,
        error: (squared - 2 * along + size) / size,
        tunedError: 1 - along ** 2 / (size * squared),
        cosine: sums.cosine / count / Math.sqrt(size),
        length: sums.length / count / Math.sqrt(size),
      };
    },
  };
};

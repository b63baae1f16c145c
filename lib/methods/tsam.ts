import { z } from 'zod';
import { mean } from '../numbers/statistics.ts';
import { norm } from '../numbers/vectors.ts';
import { gradientDiagnostics } from './gradient.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, law, positive } from './options.ts';

const shape = {
  directions: directions(3, 'points around the weights that a step looks at; a forward and a gradient each'),
  tilt: z.number().min(0).default(1).describe('t: 0 is the mean of the gradients, ∞ that of the worst point'),
  radius: positive().default(0.05).describe('distance of the points from the weights'),
  law: law.default('sphere').describe('law of the directions'),
};

/** Options of {@link tsam}; docs/methods.md has its formula. */
export interface TsamOptions extends MethodInput<typeof shape> {}

/** TSAM (Li et al. 2025, arXiv 2410.22656). */
export const tsamMethod = defineMethod({
  name: 'tsam',
  title: 'TSAM',
  options: shape,
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => directions,
  *estimate({ tilt, radius }, { streams, dimension }) {
    const points = streams.map((stream) => ({ stream, scale: radius / Math.sqrt(dimension) }));
    const vector = new Float64Array(dimension);
    const gradients: Float64Array[] = [];
    for (const gradient of points) gradients.push(yield { gradient });
    const losses = [...(yield points)];
    const most = losses.reduce((a, b) => Math.max(a, b));
    const weights = losses.map((loss) => Math.exp(tilt * (loss - most)));
    const sum = weights.reduce((a, b) => a + b);
    for (const [i, gradient] of gradients.entries()) {
      const share = weights[i]! / sum;
      for (const [j, value] of gradient.entries()) vector[j] = vector[j]! + share * value;
    }
    const effectiveSampleSize = sum ** 2 / weights.reduce((total, weight) => total + weight ** 2, 0);
    return {
      terms: [],
      vector,
      meanLoss: mean(losses),
      diagnostics: { gradientNorm: norm(vector), effectiveSampleSize },
    };
  },
  diagnostics: {
    ...gradientDiagnostics,
    effectiveSampleSize: {
      title: 'Effective sample size',
      words: 'Points of a step that carry weight, (Σw)²/Σw².',
    },
  },
});

/**
 * Makes the optimizer of TSAM (Li et al. 2025, arXiv 2410.22656), which is ZEST's objective with true gradients: of
 * F_t(θ) = (1/t)·log E[exp(t·f(θ + ε))], G = Σ pᵢ∇f(θ + εᵢ), p = softmax(t·f(θ + εᵢ)), with εᵢ on the sphere of that
 * radius. The points are drawn at once, without the paper's steps of sampling towards higher losses. k gradients and k
 * forwards a step.
 * Defaults: directions 3, tilt 1, radius 0.05 (its authors'), law `sphere`, rule `plain`.
 *
 * @example
 * import { tsam, vectorObjective } from 'node-zest';
 * const gradient = ([x, y]) => [2 * x, 2 * y];
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4], { gradient });
 * const { diagnostics } = await tsam({ learningRate: 0.1, tilt: 5, radius: 0.5 }).step(bowl);
 * console.log(diagnostics.gradientNorm > 10); // true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION or ERR_ZEST_DIRECTIONS; its steps reject as those of sgd do
 */
export const tsam = (options: TsamOptions): Optimizer => createOptimizer(tsamMethod, options);

import { norm } from '../numbers/vectors.ts';
import { gradientDiagnostics } from './gradient.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { mezoMethod } from './mezo.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, positive, probe } from './options.ts';
import { adam, adamOnly } from './rule.ts';
import { lengthOf } from './shaping.ts';

const shape = {
  directions: directions(1, 'directions of the estimate that finds the ascent, k; two forwards each'),
  radius: positive().default(0.05).describe('length of the ascent'),
  ...probe({ rho: 1e-3, law: 'sphere' }),
  rule: adam,
};

/** Options of {@link adazoSam}; docs/methods.md has its formula. */
export interface AdazoSamOptions extends MethodInput<typeof shape> {}

/** AdaZo-SAM (Refael et al. 2025, LORENZA, arXiv 2502.19571). */
export const adazoSamMethod = defineMethod({
  name: 'adazo-sam',
  title: 'AdaZo-SAM',
  options: shape,
  conflicts: adamOnly,
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => 2 * directions,
  *estimate(options, context) {
    const { terms, meanLoss } = yield* mezoMethod.estimate({ ...options, normalize: 'none' }, context);
    const length = lengthOf(
      terms.map(({ coefficient }) => coefficient),
      context.dimension,
    );
    const step = length > 0 ? options.radius / length : 0;
    const above = terms.map(({ stream, coefficient }) => ({ stream, scale: step * coefficient }));
    const vector = yield { gradient: above };
    return { terms: [], vector, meanLoss, diagnostics: { gradientNorm: norm(vector) } };
  },
  diagnostics: gradientDiagnostics,
});

/**
 * Makes the optimizer of AdaZo-SAM, of LORENZA (Refael et al. 2025, arXiv 2502.19571): SAM whose ascent is found by
 * forwards, so that a step has one gradient: with MeZO's estimate ĝ = Σ cᵢvᵢ, G = ∇f(θ + radius·ĝ/‖ĝ‖), under Adam's
 * rule. ‖ĝ‖ is taken as ‖c‖·√d, which it is for one direction of the sphere. The paper's subspace of low rank is one
 * of matrices, and not here. 2k forwards and a gradient a step.
 * Defaults: directions 1, radius 0.05, rho 1e-3, law `sphere`, rule `adam`, weightDecay 0.
 *
 * @example
 * import { adazoSam, vectorObjective } from 'node-zest';
 * const gradient = ([x, y]) => [2 * x, 20 * y];
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [3, 4], { gradient });
 * const optimizer = adazoSam({ learningRate: 0.1, schedule: 'linear', totalSteps: 200 });
 * for (let step = 0; step < 200; step++) await optimizer.step(bowl);
 * console.log(bowl.x.every((value) => Math.abs(value) < 0.1)); // true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS or ERR_ZEST_RHO; its steps reject as those of
 * sgd do
 */
export const adazoSam = (options: AdazoSamOptions): Optimizer => createOptimizer(adazoSamMethod, options);

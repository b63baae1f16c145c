import { mean } from '../numbers/statistics.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { around, inDeviations } from './one-sided.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, probe } from './options.ts';
import { commonDiagnostics, lengthOf } from './shaping.ts';

const shape = {
  directions: directions(8, 'directions that a step draws, N; one forward each'),
  ...probe({ rho: 1e-4, law: 'rademacher' }),
};

/** Options of {@link fzoo}; docs/configuration.md says what each is. */
export interface FzooOptions extends MethodInput<typeof shape> {}

/** FZOO (arXiv 2506.09034). */
export const fzooMethod = defineMethod({
  name: 'fzoo',
  title: 'FZOO',
  options: shape,
  conflicts: ({ directions }) =>
    directions >= 2
      ? []
      : [{ option: 'directions', expected: 'at least 2: fzoo divides by the spread of their losses' }],
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => directions + 1,
  *estimate({ rho }, { streams, dimension }) {
    const { centre, losses } = yield* around([], streams, rho);
    const { coefficients: c, lossSpread } = inDeviations(centre, losses);
    return {
      terms: streams.map((stream, i) => ({ stream, coefficient: c[i]! })),
      meanLoss: mean(losses),
      diagnostics: { lossSpread, gradientNorm: lengthOf(c, dimension) },
    };
  },
  diagnostics: commonDiagnostics,
});

/**
 * Makes the optimizer of FZOO (arXiv 2506.09034): one-sided differences from the loss at the weights, f₀, over the
 * spread of the losses: c = (fᵢ − f₀)/(kσ), σ² = Σ(fᵢ − f̄)²/(k − 1). As in its code, and as `normalize: 'sigma'`
 * does, ρ cancels: σ is about ρ‖∇f‖, so a step moves each weight by about η/√k whatever the scale of the loss, and η
 * is a length in weights. Losses without a spread give no step. k + 1 forwards a step.
 * Defaults: directions 8, rho 1e-4, law `rademacher` (all its authors'); their learning rate is 5e-5.
 *
 * @example
 * import { fzoo, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = fzoo({ learningRate: 0.1 });
 * const { meanLoss } = await optimizer.step(bowl);
 * console.log(optimizer.forwards, meanLoss.toFixed(1)); // 9 25.0
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS (fewer than 2 among them) or ERR_ZEST_RHO
 */
export const fzoo = (options: FzooOptions): Optimizer => createOptimizer(fzooMethod, options);

import { deviation, mean } from '../numbers/statistics.ts';
import type { Perturbation } from '../objective.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { around } from './one-sided.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, positive, probe } from './options.ts';
import { commonDiagnostics, lengthOf } from './shaping.ts';

const shape = {
  directions: directions(8, 'directions of each of the two estimates of a step, k; one forward each'),
  radius: positive().default(0.05).describe('neighbourhood of the distribution: KL(p′ ‖ p) ≤ radius²'),
  ...probe({ rho: 1e-3, law: 'gaussian' }),
};

/** Options of {@link sabo}; docs/configuration.md says what each is. */
export interface SaboOptions extends MethodInput<typeof shape> {}

/**
 * Of the expectation J over N(at, scale²): scale·∇J by its mean, as weights of the directions, and ∂J by log scale.
 */
function* gradients(at: readonly Perturbation[], streams: readonly bigint[], scale: number) {
  const { centre, losses } = yield* around(at, streams, scale);
  const average = mean(losses);
  const weights = losses.map((loss) => (loss - average) / (losses.length - 1));
  return { losses, weights, byScale: 2 * (average - centre) };
}

/** SABO (arXiv 2410.12457). */
export const saboMethod = defineMethod({
  name: 'sabo',
  title: 'SABO',
  options: shape,
  conflicts: ({ directions }) =>
    directions >= 2 ? [] : [{ option: 'directions', expected: 'at least 2: sabo weighs each loss against their mean' }],
  streams: ({ directions }) => 2 * directions,
  forwards: ({ directions }) => 2 * directions + 2,
  initialState: ({ rho }) => ({ scale: rho }),
  stateShape: { scale: positive() },
  *estimate({ radius, directions }, { streams, dimension, state: { scale }, learningRate }) {
    const [first, second] = [streams.slice(0, directions), streams.slice(directions)];
    const near = yield* gradients([], first, scale);
    const size = Math.sqrt(lengthOf(near.weights, dimension) ** 2 / 2 + near.byScale ** 2 / (4 * dimension));
    const step = size > 0 ? radius / size : 0;
    const shift = first.map((stream, i) => ({ stream, scale: step * scale * near.weights[i]! }));
    const worst = scale * Math.exp((step * near.byScale) / (2 * dimension));
    const far = yield* gradients(shift, second, worst);
    const c = far.weights.map((weight) => weight / worst);
    const most = radius / Math.sqrt(dimension);
    const moved = (-learningRate * far.byScale) / (2 * dimension * scale ** 2);
    const learnt = scale * Math.exp(Math.min(most, Math.max(-most, moved)));
    return {
      terms: second.map((stream, i) => ({ stream, coefficient: c[i]! })),
      meanLoss: mean(near.losses),
      diagnostics: { lossSpread: deviation(far.losses), scale, gradientNorm: lengthOf(c, dimension) },
      state: { scale: Number.isFinite(learnt) && learnt > 0 ? learnt : scale },
    };
  },
  diagnostics: {
    ...commonDiagnostics,
    scale: { title: 'Scale', words: 'Standard deviation of the distribution of each weight, which is learnt.' },
  },
});

/**
 * Makes the optimizer of SABO (arXiv 2410.12457): the weights are a distribution, N(θ, s²), whose expected loss J is
 * made small in the worst case of its neighbourhood KL(p′ ‖ p) ≤ radius², and whose mean and scale are both learnt.
 *
 * The paper's equations were not to be had; these are derived, for one scale of all weights. With u = log s′/s, KL is
 * ‖δ‖²/2s² + d·u² to second order, so that the worst case to first order is δ = κs²∇_θJ, u = κ·∂_uJ/2d, with
 * κ = radius/√(s²‖∇_θJ‖²/2 + (∂_uJ)²/4d); there, the mean goes along −∇_θJ, and the step of the same mirror descent in
 * the scale is s ← s·exp(−η·∂_uJ/(2d·s²)): it shrinks by the mean curvature. ∂_uJ is mostly noise where s is small, and
 * is divided by s²: log s moves by radius/√d at most, which is a KL of radius² again. The gradients are
 * s·∇_θJ = (1/(k − 1))Σ (fᵢ − f̄)vᵢ and ∂_uJ = E[vᵀ∇f·s] = 2(f̄ − f₀) to the second order in s.
 * ‖∇_θJ‖ is taken for ‖c‖√d, as of orthogonal directions, so that with few parameters, or many directions, the worst
 * case is farther than radius². 2k + 2 forwards a step; its state is the scale. A scale that float64 cannot hold is not
 * learnt.
 * Defaults: directions 8, rho 1e-3 (the first scale), radius 0.05, law `gaussian`.
 *
 * @example
 * import { sabo, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = sabo({ learningRate: 0.05, rho: 0.1 });
 * for (let step = 0; step < 50; step++) await optimizer.step(bowl);
 * console.log(Number(optimizer.state().scale) < 0.1); // true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS (fewer than 2 among them) or ERR_ZEST_RHO
 */
export const sabo = (options: SaboOptions): Optimizer => createOptimizer(saboMethod, options);

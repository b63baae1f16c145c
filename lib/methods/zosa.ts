import { mean } from '../numbers/statistics.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { around, inDeviations } from './one-sided.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, positive, probe } from './options.ts';
import { commonDiagnostics, lengthOf } from './shaping.ts';

const shape = {
  directions: directions(8, 'directions of each of the two estimates of a step, m; one forward each'),
  radius: positive().default(1e-3).describe('how far the ascent to the second estimate goes: radius·ĝ/σ'),
  ...probe({ rho: 1e-3, law: 'rademacher' }),
};

/** Options of {@link zosa}; docs/configuration.md says what each is. */
export interface ZosaOptions extends MethodInput<typeof shape> {}

/** ZOSA (arXiv 2511.09156). */
export const zosaMethod = defineMethod({
  name: 'zosa',
  title: 'ZOSA',
  options: shape,
  conflicts: ({ directions }) =>
    directions >= 2
      ? []
      : [{ option: 'directions', expected: 'at least 2: zosa divides by the spread of their losses' }],
  streams: ({ directions }) => 2 * directions,
  forwards: ({ directions }) => 2 * directions + 2,
  *estimate({ rho, radius, directions }, { streams, dimension }) {
    const [first, second] = [streams.slice(0, directions), streams.slice(directions)];
    const here = yield* around([], first, rho);
    const ascent = inDeviations(here.centre, here.losses).coefficients;
    const shift = first.map((stream, i) => ({ stream, scale: radius * ascent[i]! }));
    const there = yield* around(shift, second, rho);
    const { coefficients: c, lossSpread } = inDeviations(there.centre, there.losses);
    return {
      terms: second.map((stream, i) => ({ stream, coefficient: c[i]! })),
      meanLoss: mean(here.losses),
      diagnostics: { lossSpread, ascent: there.centre - here.centre, gradientNorm: lengthOf(c, dimension) },
    };
  },
  diagnostics: {
    ...commonDiagnostics,
    ascent: { title: 'Ascent', words: 'How much higher the loss is where the second estimate is made.' },
  },
});

/**
 * Makes the optimizer of ZOSA (arXiv 2511.09156): SAM with two one-sided estimates and no gradient. With Rademacher
 * directions u, ĝ = (1/m)Σ (fᵢ − f₀)uᵢ and σ² = Σ(fᵢ − f̄)²/(m − 1), the second estimate ĝ′ is made with fresh
 * directions at θ + radius·ĝ/σ, a sum of the first ones, and the step is along ĝ′/σ′. As with FZOO, ρ cancels in ĝ/σ:
 * the ascent moves each weight by about radius/√m, the step by about η/√m. 2m + 2 forwards a step.
 * Defaults: directions 8, rho 1e-3, radius 1e-3, law `rademacher`; those of the authors were not to be had.
 *
 * @example
 * import { vectorObjective, zosa } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = zosa({ learningRate: 0.1 });
 * const { diagnostics } = await optimizer.step(bowl);
 * console.log(optimizer.forwards, diagnostics.ascent > 0); // 18 true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS (fewer than 2 among them) or ERR_ZEST_RHO
 */
export const zosa = (options: ZosaOptions): Optimizer => createOptimizer(zosaMethod, options);

import { z } from 'zod';
import { mean } from '../numbers/statistics.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, probe } from './options.ts';
import { lengthOf } from './shaping.ts';

const shape = {
  directions: directions(1, 'directions that a step draws, k; two forwards each, and one'),
  alpha: z.number().min(0).lt(1).default(1e-8).describe('share of the curvature that a step renews, α'),
  ...probe({ rho: 1e-3, law: 'gaussian' }),
};

/** Options of {@link hizoo}; docs/methods.md has its formula. */
export interface HizooOptions extends MethodInput<typeof shape> {}

/** HiZOO (Zhao et al. 2024, arXiv 2402.15173). */
export const hizooMethod = defineMethod({
  name: 'hizoo',
  title: 'HiZOO',
  options: shape,
  metric: 'curvature',
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => 2 * directions + 1,
  *estimate({ rho, alpha }, { streams, dimension }) {
    const losses: Float64Array = yield [
      [],
      ...streams.flatMap((stream) => [
        { stream, scale: rho },
        { stream, scale: -rho },
      ]),
    ];
    const [centre = 0, ...around] = [...losses];
    const k = streams.length;
    const pair = (i: number) => [around[2 * i]!, around[2 * i + 1]!] as const;
    const c = streams.map((_, i) => (pair(i)[0] - pair(i)[1]) / (2 * k * rho));
    const forms = streams.map((_, i) => Math.abs(pair(i)[0] - centre + (pair(i)[1] - centre)) / (2 * rho * rho));
    return {
      terms: streams.map((stream, i) => ({ stream, coefficient: c[i]! })),
      curvature: { keep: 1 - alpha, weights: forms.map((form) => (alpha * form) / k) },
      meanLoss: mean(around),
      diagnostics: { gradientNorm: lengthOf(c, dimension), curvature: mean(forms) },
    };
  },
  diagnostics: {
    gradientNorm: {
      title: 'Gradient norm',
      words: '‖c‖·√d, the length of the estimate in the metric of the curvature.',
    },
    curvature: {
      title: 'Curvature',
      words: '|f⁺ + f⁻ − 2f₀|/2ρ² along the directions of a step, half of what is tr H without a metric.',
    },
  },
});

/**
 * Makes the optimizer of HiZOO (Zhao et al. 2024, arXiv 2402.15173): MeZO in the metric of a diagonal curvature H that
 * is learnt beside it. Directions are u = v/√H; G = Σ (f⁺ − f⁻)/(2kρ)·u; then H ← (1 − α)H + α·(1/k)Σ |f⁺ + f⁻ −
 * 2f₀|/(2ρ²)·H v². A step and its points are of the same H, where the authors' code moves with the H that comes after.
 * 2k + 1 forwards a step; its state is the curvature, as large as θ. Models keep none yet: `vectorObjective` does.
 * Defaults: directions 1, alpha 1e-8, rho 1e-3, law `gaussian` (its authors').
 *
 * @example
 * import { hizoo, vectorObjective } from 'node-zest';
 * const valley = vectorObjective(([x, y]) => x * x + 400 * y * y, [3, 1]);
 * const optimizer = hizoo({ learningRate: 0.05, alpha: 1e-4 });
 * for (let step = 0; step < 20; step++) await optimizer.step(valley);
 * const [h1, h2] = await valley.state('curvature');
 * console.log(h1 > 0 && h2 > 0); // true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS or ERR_ZEST_RHO; its steps reject with
 * ERR_ZEST_UNSUPPORTED where the objective keeps no curvature
 */
export const hizoo = (options: HizooOptions): Optimizer => createOptimizer(hizooMethod, options);

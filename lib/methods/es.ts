import { z } from 'zod';
import { mean, populationDeviation } from '../numbers/statistics.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, probe } from './options.ts';
import { centredRanks, commonDiagnostics, lengthOf, zScores } from './shaping.ts';

const SHAPINGS = { centredRanks, zScores };

const shape = {
  directions: directions(30, 'directions of the population, N; one forward each, or two'),
  sides: z.enum(['one', 'two']).default('one').describe('two: the members of the population come in pairs θ ± ρv'),
  shaping: z
    .enum(['centredRanks', 'zScores'])
    .default('centredRanks')
    .describe('what becomes of the losses: ranks from −½ to ½, or (f − f̄)/σ'),
  ...probe({ rho: 1e-3, law: 'gaussian' }),
};

/** Options of {@link es}; docs/configuration.md says what each is. */
export interface EsOptions extends MethodInput<typeof shape> {}

const forwards = ({ directions, sides }: { directions: number; sides: 'one' | 'two' }) =>
  sides === 'one' ? directions : 2 * directions;

/** Evolution strategies (Salimans et al. 2017, arXiv 1703.03864; at the scale of language models arXiv 2509.24372). */
export const esMethod = defineMethod({
  name: 'es',
  title: 'Evolution strategies',
  options: shape,
  conflicts: (options) =>
    forwards(options) >= 3
      ? []
      : [
          {
            option: 'directions',
            expected: `at least ${options.sides === 'one' ? 3 : 2} with sides ${options.sides}: the ${options.shaping} of two losses hold their order alone`,
          },
        ],
  streams: ({ directions }) => directions,
  forwards,
  *estimate({ rho, sides, shaping }, { streams, dimension }) {
    const scales = sides === 'one' ? [rho] : [rho, -rho];
    const losses = yield streams.flatMap((stream) => scales.map((scale) => ({ stream, scale })));
    const scores = SHAPINGS[shaping]([...losses]);
    const c = streams.map((_, i) => {
      const [plus = 0, minus = 0] = scores.slice(i * scales.length, (i + 1) * scales.length);
      return (plus - minus) / scores.length;
    });
    return {
      terms: streams.map((stream, i) => ({ stream, coefficient: c[i]! })),
      meanLoss: mean([...losses]),
      diagnostics: { lossSpread: populationDeviation(losses), gradientNorm: lengthOf(c, dimension) },
    };
  },
  diagnostics: commonDiagnostics,
});

/**
 * Makes the optimizer of evolution strategies for rewards (Salimans et al. 2017; at the scale of language models Qiu
 * et al. 2025, arXiv 2509.24372): a population of n losses at θ + ρvᵢ, shaped to scores s, and the step along (1/n)Σ
 * sᵢvᵢ; with sides two along (1/n)Σ (s⁺ᵢ − s⁻ᵢ)vᵢ. There is no division by ρ: η is a length in weights, ρ/2 a good
 * start. A loss is minus the reward. Ranks take no harm from a member whose reward is far off; z-scores keep
 * distances. `decayTowards: 'start'` with a `weightDecay` is the anchored decay of arXiv 2605.30148. N forwards a
 * step, 2N with sides two.
 * Defaults: directions 30, rho 1e-3, sides `one`, shaping `centredRanks`, law `gaussian`.
 *
 * @example
 * import { es, vectorObjective } from 'node-zest';
 * const reward = ([x, y]) => (Math.abs(x - 1) + Math.abs(y) < 0.1 ? 1 : -Math.hypot(x - 1, y));
 * const objective = vectorObjective((x) => -reward(x), [0, 1]);
 * const optimizer = es({ learningRate: 0.05, rho: 0.1 });
 * for (let step = 0; step < 100; step++) await optimizer.step(objective);
 * console.log(objective.x.map(Math.round)); // Float64Array(2) [ 1, 0 ]
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS (fewer than three losses among them) or
 * ERR_ZEST_RHO
 */
export const es = (options: EsOptions): Optimizer => createOptimizer(esMethod, options);

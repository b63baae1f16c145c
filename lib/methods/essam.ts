import { mean, populationDeviation } from '../numbers/statistics.ts';
import { count } from '../options/count.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, positive, probe } from './options.ts';
import { commonDiagnostics, lengthOf, zScores } from './shaping.ts';

const shape = {
  directions: directions(30, 'size of the population that makes the step, N; one forward each'),
  ascentDirections: count()
    .max(2 ** 20)
    .optional()
    .describe('size of the population that finds the ascent; ESSAM-F takes 10; default: directions'),
  radius: positive().default(5e-4).describe('how far the ascent goes: radius·(1/N)Σ zᵢvᵢ'),
  ...probe({ rho: 1e-3, law: 'gaussian' }),
};

/** Options of {@link essam}; docs/configuration.md says what each is. */
export interface EssamOptions extends MethodInput<typeof shape> {}

const ascentOf = ({ directions, ascentDirections = directions }: { directions: number; ascentDirections?: number }) =>
  ascentDirections;

/** ESSAM (arXiv 2602.01003). */
export const essamMethod = defineMethod({
  name: 'essam',
  title: 'ESSAM',
  options: shape,
  conflicts: (options) => {
    const expected = 'at least 3: the z-scores of two losses hold their order alone';
    return (['directions', 'ascentDirections'] as const)
      .filter((option) => (options[option] ?? 3) < 3)
      .map((option) => ({ option, expected, code: 'ERR_ZEST_DIRECTIONS' as const }));
  },
  streams: (options) => ascentOf(options) + options.directions,
  forwards: (options) => ascentOf(options) + options.directions,
  *estimate(options, { streams, dimension }) {
    const { rho, radius, directions } = options;
    const [first, second] = [streams.slice(0, ascentOf(options)), streams.slice(ascentOf(options))];
    const losses = yield first.map((stream) => ({ stream, scale: rho }));
    const z = zScores([...losses]);
    const shift = first.map((stream, i) => ({ stream, scale: (radius * z[i]!) / first.length }));
    const there = yield second.map((stream) => [...shift, { stream, scale: rho }]);
    const c = zScores([...there]).map((score) => score / directions);
    return {
      terms: second.map((stream, i) => ({ stream, coefficient: c[i]! })),
      meanLoss: mean([...losses]),
      diagnostics: { lossSpread: populationDeviation(there), gradientNorm: lengthOf(c, dimension) },
    };
  },
  diagnostics: commonDiagnostics,
});

/**
 * Makes the optimizer of ESSAM (arXiv 2602.01003): evolution strategies with SAM's ascent, for rewards. With z-scores
 * z of the losses of a population at θ + ρvᵢ, a second population stands at θ + radius·(1/N)Σ zᵢvᵢ + ρv′ᵢ, and the
 * step is along (1/N)Σ z′ᵢv′ᵢ. A loss is minus the reward, so that the ascent goes to less of it. 2N forwards a step.
 * Defaults: directions 30, rho 1e-3, radius 5e-4, law `gaussian` (its authors'); their learning rate is 5e-4.
 *
 * @example
 * import { essam, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = essam({ learningRate: 0.1 });
 * const { meanLoss } = await optimizer.step(bowl);
 * console.log(optimizer.forwards, meanLoss.toFixed(1)); // 60 25.0
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS (fewer than 3 among them) or ERR_ZEST_RHO
 */
export const essam = (options: EssamOptions): Optimizer => createOptimizer(essamMethod, options);

import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, perturbation } from './options.ts';
import { zestDiagnostics, zestEstimate } from './zest.ts';

const shape = { directions: directions(1), ...perturbation };

/** Options of {@link mezo}; docs/configuration.md says what each is. */
export interface MezoOptions extends MethodInput<typeof shape> {}

/** MeZO (Malladi et al. 2023, arXiv 2305.17333, Algorithm 1). */
export const mezoMethod = defineMethod({
  name: 'mezo',
  title: 'MeZO',
  options: shape,
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => 2 * directions,
  estimate: (options, context) => zestEstimate({ ...options, tilt: 0, estimator: 'naive', sides: 'two' }, context),
  diagnostics: zestDiagnostics,
});

/**
 * Makes the optimizer of MeZO (Malladi et al. 2023, Algorithm 1): ZEST at tilt 0, that is c = (f⁺ − f⁻)/(2kρ).
 * Defaults: directions 1, the others as ZEST's.
 *
 * @example
 * import { mezo, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = mezo({ learningRate: 0.1 });
 * const { meanLoss } = await optimizer.step(bowl);
 * console.log(optimizer.forwards, meanLoss.toFixed(2)); // 2 25.00
 *
 * @throws TypeError or RangeError as zest does
 */
export const mezo = (options: MezoOptions): Optimizer => createOptimizer(mezoMethod, options);

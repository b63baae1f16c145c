import type { Method, MethodInput } from './method.ts';
import { mezoMethod } from './mezo.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions } from './options.ts';

const shape = { ...mezoMethod.options, directions: directions(5) };

/** Options of {@link nspsa}; docs/configuration.md says what each is. */
export interface NspsaOptions extends MethodInput<typeof shape> {}

/** n-SPSA (Spall 1992; Malladi et al. 2023, Definition 1 and Appendix A). */
export const nspsaMethod: Method<typeof shape> = { ...mezoMethod, name: 'nspsa', title: 'n-SPSA', options: shape };

/**
 * Makes the optimizer of n-SPSA: the mean of k two-sided differences, c = (f⁺ − f⁻)/(2kρ). MeZO with more than one
 * direction, and ZEST in the limit of no tilt.
 * Defaults: directions 5, the others as ZEST's.
 *
 * @example
 * import { nspsa, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = nspsa({ learningRate: 0.1, directions: 8 });
 * const { meanLoss } = await optimizer.step(bowl);
 * console.log(optimizer.forwards, meanLoss.toFixed(2)); // 16 25.00
 *
 * @throws TypeError or RangeError as zest does
 */
export const nspsa = (options: NspsaOptions): Optimizer => createOptimizer(nspsaMethod, options);

import type { MethodInput } from './method.ts';
import { mezoMethod } from './mezo.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions } from './options.ts';

const shape = { ...mezoMethod.options, directions: directions(5) };

/** Options of {@link nspsa}. */
export type NspsaOptions = MethodInput<typeof shape>;

/** n-SPSA (Spall 1992; Malladi et al. 2023, Definition 1 and Appendix A). */
export const nspsaMethod = { ...mezoMethod, name: 'nspsa', title: 'n-SPSA', options: shape };

/**
 * n-SPSA: the mean of k two-sided differences, c = (f⁺ − f⁻)/(2kρ). MeZO with more than one direction, and ZEST in the
 * limit of no tilt.
 * Defaults: directions 5, the others as ZEST's.
 *
 * @example
 * const optimizer = nspsa({ learningRate: 1e-5, directions: 8 });
 *
 * @throws TypeError or RangeError as zest does
 */
export const nspsa = (options: NspsaOptions): Optimizer => createOptimizer(nspsaMethod, options);

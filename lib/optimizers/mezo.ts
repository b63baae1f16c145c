import type { Optimizer } from './optimizer.ts';
import { type ZestOptions, zest } from './zest.ts';

export type MezoOptions = Omit<ZestOptions, 'tilt' | 'estimator' | 'sides'>;

/**
 * MeZO (Malladi et al. 2023, Algorithm 1): {@link zest} at tilt 0, that is c = (f⁺ − f⁻)/(2kρ); n-SPSA for k > 1.
 * Defaults: directions 1, the others as zest's.
 */
export const mezo = (options: MezoOptions): Optimizer =>
  zest({ ...options, directions: options.directions ?? 1, tilt: 0, estimator: 'naive', sides: 'two' });

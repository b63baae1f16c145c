import { rangeError } from '../errors.ts';
import { show } from '../text/show.ts';

/** Course of the learning rate over a run. */
export type ScheduleName = 'constant' | 'linear' | 'cosine';

/** How the learning rate changes over a run. */
export interface ScheduleOptions {
  /** Course of the factor of the learning rate: `linear` and `cosine` fall from 1 to 0. Default `constant`. */
  schedule?: ScheduleName;
  /** Number of steps of linear growth before that: step s of w has the factor (s + 1)/w. Default 0. */
  warmupSteps?: number;
  /** Step at which `linear` and `cosine` reach 0; they need it. Default: none. */
  totalSteps?: number;
}

/**
 * The factor of the learning rate at a step, counted from 0. After a warm-up of w steps, with p = (s − w)/(T − w):
 * `constant` 1, `linear` 1 − p, `cosine` (1 + cos πp)/2, and 0 from step T on.
 *
 * @throws ERR_ZEST_OPTION for a falling schedule without `totalSteps` above `warmupSteps`
 */
export const learningRateFactor = (options: ScheduleOptions): ((step: number) => number) => {
  const { schedule = 'constant', warmupSteps = 0, totalSteps } = options;
  const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!['constant', 'linear', 'cosine'].includes(schedule)) {
    throw rangeError('ERR_ZEST_OPTION', `schedule is ${show(schedule)}; expected constant, linear or cosine`);
  }
  if (!count(warmupSteps)) {
    throw rangeError('ERR_ZEST_OPTION', `warmupSteps is ${warmupSteps}; expected a whole number of steps ≥ 0`);
  }
  if (totalSteps !== undefined && !count(totalSteps)) {
    throw rangeError('ERR_ZEST_OPTION', `totalSteps is ${totalSteps}; expected a whole number of steps ≥ 0`);
  }
  if (schedule !== 'constant' && !(totalSteps !== undefined && totalSteps > warmupSteps)) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `totalSteps is ${totalSteps}; expected more than warmupSteps (${warmupSteps}) with schedule ${schedule}`,
    );
  }
  return (step) => {
    if (step < warmupSteps) return (step + 1) / warmupSteps;
    if (schedule === 'constant' || totalSteps === undefined) return 1;
    const progress = Math.min(1, (step - warmupSteps) / (totalSteps - warmupSteps));
    return schedule === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  };
};

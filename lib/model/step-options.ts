import { nativeEstimatorOptions } from '../coefficients.ts';
import { checkedStream } from '../directions.ts';
import { rangeError, typeError } from '../errors.ts';
import type { StepOptions } from '../objective.ts';
import { show } from '../show.ts';

const MOST_DIRECTIONS = 2 ** 20;

const isCount = (value: unknown, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most;

/** Sequences that the engine evaluates at a time; 0, the whole batch, where nothing is said. Throws ERR_ZEST_OPTION. */
export const nativeMicroBatch = (microBatch: unknown): number => {
  if (microBatch === undefined) return 0;
  if (isCount(microBatch, 2 ** 31 - 1)) return microBatch as number;
  throw rangeError('ERR_ZEST_OPTION', `microBatch is ${show(microBatch)}; expected a whole number ≥ 1`);
};

/**
 * Checks the options of a step of an objective with d parameters. Throws ERR_ZEST_DIRECTIONS (how many), ERR_ZEST_STREAM,
 * ERR_ZEST_RHO, ERR_ZEST_TILT, ERR_ZEST_ESTIMATOR or ERR_ZEST_OPTION (the rest).
 */
export const checkStepOptions = (options: StepOptions, dimension: number): void => {
  if (typeof options !== 'object' || options === null) {
    throw typeError('ERR_ZEST_OPTION', `options is ${show(options)}; expected the options of a step`);
  }
  const { directions, learningRate, weightDecay = 0 } = options;
  if (!isCount(directions, MOST_DIRECTIONS)) {
    throw rangeError(
      'ERR_ZEST_DIRECTIONS',
      `directions is ${show(directions)}; expected a whole number from 1 to 2^20`,
    );
  }
  const firstStream = checkedStream(options.firstStream, 'firstStream');
  checkedStream(firstStream + BigInt(directions - 1), 'firstStream + directions − 1');
  const estimator = nativeEstimatorOptions({ ...options, dimension }, directions);
  const rho = Math.fround(estimator.rho);
  if (!Number.isFinite(rho) || rho === 0) {
    throw rangeError('ERR_ZEST_RHO', `rho is ${estimator.rho}; expected a number that float32 can hold`);
  }
  if (!Number.isFinite(learningRate)) {
    throw rangeError('ERR_ZEST_OPTION', `learningRate is ${show(learningRate)}; expected a finite number`);
  }
  if (!Number.isFinite(weightDecay) || weightDecay < 0) {
    throw rangeError('ERR_ZEST_OPTION', `weightDecay is ${show(weightDecay)}; expected a finite number ≥ 0`);
  }
  if (!Number.isFinite(Math.fround(learningRate * weightDecay))) {
    throw rangeError('ERR_ZEST_OPTION', 'learningRate · weightDecay is beyond float32');
  }
  nativeMicroBatch(options.microBatch);
};

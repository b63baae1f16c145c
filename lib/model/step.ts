import { rangeError, typeError } from '../errors.ts';
import type { Coefficients, EstimatorOptions } from '../methods/estimators.ts';
import { programSchema } from '../methods/method.ts';
import { alone, takeStep } from '../methods/run-step.ts';
import { withEstimator, zestMethod } from '../methods/zest.ts';
import type { CallOptions, Directions, Objective, Update } from '../objective.ts';
import { checkedStream } from '../objectives/directions.ts';
import { checkOptions } from '../options/check.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import type { Batch } from './batch.ts';

/** Options of one step of ZEST by `Model.step`. */
export interface ModelStepOptions extends EstimatorOptions, CallOptions {
  /** Number of directions, k ≥ 1; their streams are firstStream … firstStream + k − 1. */
  directions: number;
  /** Stream of the first direction, from 0 and below 2⁶³: `0n` for the first step of a run, say. */
  firstStream: bigint;
  /** η of θ ← θ − η·(G + λθ); 1e-5, say. */
  learningRate: number;
  /** Weight decay λ, decoupled; skips biases and norms. Default 0. */
  weightDecay?: number;
  /** Number of sequences evaluated at a time; the bits do not depend on it. Default: the whole batch. */
  microBatch?: number;
}

/** Losses, coefficients and scalars of a step of ZEST, with its update. */
export interface ModelStepResult extends Coefficients {
  /** Update that was applied, in float32. */
  update: Update;
}

type ZestScalars = Omit<Coefficients, 'losses' | 'coefficients' | 'meanLoss'>;

const schema = programSchema(zestMethod);

/**
 * Checks that float32 can hold ρ and the decay.
 *
 * @throws ERR_ZEST_RHO for ρ, ERR_ZEST_OPTION for the decay
 */
const assertFloat32 = (rho: number, decay: number): void => {
  const rounded = Math.fround(rho);
  if (!Number.isFinite(rounded) || rounded === 0) {
    throw rangeError('ERR_ZEST_RHO', `rho is ${rho}; expected a number that float32 can hold`);
  }
  if (!Number.isFinite(Math.fround(decay))) {
    throw rangeError('ERR_ZEST_OPTION', 'learningRate · weightDecay is beyond float32');
  }
};

/**
 * Takes a step of ZEST at streams of the caller's choice.
 *
 * @throws TypeError or RangeError with ERR_ZEST_DIRECTIONS (how many), ERR_ZEST_STREAM, ERR_ZEST_RHO, ERR_ZEST_TILT,
 * ERR_ZEST_ESTIMATOR or ERR_ZEST_OPTION (the rest)
 */
export const stepModel = async (
  model: Objective<Batch>,
  batch: Batch,
  given: ModelStepOptions,
  directions: Directions,
): Promise<ModelStepResult> => {
  if (typeof given !== 'object' || given === null) {
    throw typeError('ERR_ZEST_OPTION', `options is ${show(given)}; expected the options of a step`);
  }
  const {
    estimator,
    firstStream,
    microBatch,
    signal,
    dimension: _,
    ...others
  } = readArgument('options', () => ({
    ...given,
  }));
  const named = typeof estimator === 'function' ? undefined : estimator;
  const options = checkOptions(schema, { ...others, estimator: named });
  const { learningRate, weightDecay } = options;
  assertFloat32(options.rho, learningRate * weightDecay);
  checkedStream(firstStream, 'firstStream');
  checkedStream(firstStream + BigInt(options.directions - 1), 'firstStream + directions − 1');
  const call = { directions, firstStream, state: {}, microBatch, signal, learningRate, weightDecay };
  const method = withEstimator(estimator);
  const result = await alone(model, (of) => takeStep(model, of, batch, method, options, call));
  const { losses, update, meanLoss, terms } = result;
  const { tilt, tau, tiltedLoss, effectiveSampleSize, gradientNorm } = result.diagnostics as ZestScalars;
  const coefficients = Float64Array.from(terms, ({ coefficient }) => coefficient);
  return { losses, coefficients, tilt, tau, tiltedLoss, meanLoss, effectiveSampleSize, gradientNorm, update };
};

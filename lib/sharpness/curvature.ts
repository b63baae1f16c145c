import { rangeError } from '../errors.ts';
import { type Estimate, estimateMean } from '../numbers/statistics.ts';
import type { Objective, Point } from '../objective.ts';
import { checkedTerms, MEASURING_STREAM } from '../objectives/directions.ts';
import { assertObjective, given, optionsOf } from '../options/calls.ts';
import { checkedSamples, checkedScale, lossesAround, type MeasureOptions, measureShape } from './losses.ts';

/** Options of {@link hessianTrace}. */
export interface TraceOptions extends MeasureOptions {
  /** Number of directions, 2 to 100,000; each is taken both ways. Default 32. */
  samples?: number;
  /** Step ε of the differences, per coordinate. Default 1/√d: every probe goes as far as the length 1. */
  epsilon?: number;
}

const traceOptions = optionsOf<TraceOptions>({ ...measureShape, samples: given, epsilon: given });

/** Trace of the Hessian, estimated from probes. */
export interface Trace extends Estimate {
  /** Number of directions. */
  samples: number;
  /** Step ε of the differences, per coordinate. */
  epsilon: number;
  /** Quadratic form vᵀHv of each direction. */
  probes: number[];
}

/**
 * Estimates the trace of the Hessian by Hutchinson's estimator on second differences: the mean of
 * (f(θ + εv) + f(θ − εv) − 2f(θ))/ε² = vᵀHv + O(ε²) over directions with E[vvᵀ] = I. Its variance a probe is 2‖H‖²_F
 * under the Gaussian law, less under Rademacher's (Hutchinson 1989; Avron and Toledo 2011). The standard error does not
 * hold what all probes share: the truncation, and the rounding of f(θ), some 2e-7/ε² for losses in float32
 * (docs/sharpness.md). Takes 1 + 2·samples forwards.
 *
 * @example
 * import { hessianTrace, vectorObjective } from 'node-zest';
 * const directions = { law: 'rademacher' };
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [0, 0], { directions });
 * const { value } = await hessianTrace(bowl, undefined);
 * console.log(value.toFixed(3)); // 22.000
 *
 * @throws ERR_ZEST_OPTION, ERR_ZEST_BATCH_EMPTY, ERR_ZEST_LOSS_NOT_FINITE or ERR_ZEST_VERSION
 */
export const hessianTrace = async <B>(
  objective: Objective<B>,
  batch: B | readonly B[],
  unchecked?: TraceOptions,
): Promise<Trace> => {
  assertObjective(objective);
  const options = traceOptions(unchecked);
  const { firstStream = MEASURING_STREAM } = options;
  const samples = checkedSamples(options.samples);
  const epsilon = checkedScale('epsilon', options.epsilon ?? 1 / Math.sqrt(objective.dimension));
  const streams = Array.from({ length: samples }, (_, i) => firstStream + BigInt(i));
  const points: Point[] = streams.flatMap((stream) => [
    { stream, scale: epsilon },
    { stream, scale: -epsilon },
  ]);
  const [loss, ...losses] = await lossesAround(objective, batch, options)([[], ...points]);
  const probes = streams.map((_, i) => (losses[2 * i]! - loss! + (losses[2 * i + 1]! - loss!)) / epsilon ** 2);
  return { ...estimateMean(probes), samples, epsilon, probes };
};

/** Options of {@link quadraticForm}. */
export interface QuadraticFormOptions extends MeasureOptions {
  /** Step ε of the differences. Default: that at which ε·v has the length 1, for a direction of length √d. */
  epsilon?: number;
}

const quadraticOptions = optionsOf<QuadraticFormOptions>({ ...measureShape, epsilon: given });

/**
 * Measures vᵀHv along one direction v = Σ scale·v(stream): (f(θ + εv) + f(θ − εv) − 2f(θ))/ε², exact to O(ε²) and the
 * rounding of the losses over ε². Takes three forwards.
 *
 * @example
 * import { quadraticForm, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [0, 0]);
 * const [vx, vy] = await bowl.direction(0n);
 * const form = await quadraticForm(bowl, undefined, { stream: 0n, scale: 1 });
 * console.log(Math.abs(form - (2 * vx * vx + 20 * vy * vy)) < 1e-4); // true
 *
 * @throws ERR_ZEST_POINT for a direction that is 0, ERR_ZEST_OPTION, and what the objective rejects with
 */
export const quadraticForm = async <B>(
  objective: Objective<B>,
  batch: B | readonly B[],
  direction: Point,
  unchecked?: QuadraticFormOptions,
): Promise<number> => {
  assertObjective(objective);
  const options = quadraticOptions(unchecked);
  const terms = checkedTerms(direction, 'direction');
  const length = Math.sqrt(terms.reduce((sum, { scale }) => sum + scale ** 2, 0) * objective.dimension);
  if (length === 0) throw rangeError('ERR_ZEST_POINT', 'direction is 0; expected a term with a scale that is not');
  const epsilon = checkedScale('epsilon', options.epsilon ?? 1 / length);
  const along = (sign: number): Point => terms.map(({ stream, scale }) => ({ stream, scale: sign * epsilon * scale }));
  const [plus, minus, loss] = await lossesAround(objective, batch, options)([along(1), along(-1), []]);
  return (plus! - loss! + (minus! - loss!)) / epsilon ** 2;
};

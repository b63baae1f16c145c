import { nativeEstimatorOptions } from '../coefficients.ts';
import { rangeError, typeError, ZestError } from '../errors.ts';
import type { Directions, EstimatorOptions, Objective, StepOptions, StepResult, Tilt } from '../objective.ts';
import { composeStep } from './compose-step.ts';
import type { Optimizer, OptimizerState, StepCallOptions } from './optimizer.ts';
import { learningRateFactor, type ScheduleOptions } from './schedule.ts';

export interface ZestOptions extends ScheduleOptions, Partial<Omit<EstimatorOptions, 'dimension'>> {
  /** η of θ ← θ − η·(G + λθ). */
  learningRate: number;
  /** Directions a step, k ≥ 1. Default 5. */
  directions?: number;
  /** Perturbation scale per coordinate. Default 1e-3. */
  rho?: number;
  /** Default 1. With ρ = 1e-3 a fixed tilt of 1 is close to MeZO; `{ tau }` does not depend on the scale of the losses. */
  tilt?: Tilt;
  /** Law of the directions. Default `gaussian`. */
  law?: Directions['law'];
  /** λ, decoupled; skips biases and norms. Default 0. */
  weightDecay?: number;
  /** Of the directions. Default 0. */
  seed?: bigint | number;
}

/**
 * ZEST: zeroth-order learning on the tilted objective F_t(θ) = (1/t)·log E[exp(t·f(θ + ρv))].
 *
 * A step draws k directions vᵢ, evaluates f at θ ± ρvᵢ, and moves along G = Σ cᵢvᵢ, where c is a ratio estimator of
 * ∇F_t = E[a·v]/E[B], a = (exp(t·f⁺) − exp(t·f⁻))/(2tρ), B = (exp(t·f⁺) + exp(t·f⁻))/2.
 * Defaults: directions 5, rho 1e-3, tilt 1, estimator `naive`, sides `two`, law `gaussian`, normalize `none`,
 * schedule `constant`, weightDecay 0, seed 0. `learningRate` has none.
 *
 * Throws a TypeError or RangeError with the code of the option at fault: ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS,
 * ERR_ZEST_RHO, ERR_ZEST_TILT or ERR_ZEST_ESTIMATOR.
 */
export const zest = (options: ZestOptions): Optimizer => {
  const {
    learningRate,
    directions = 5,
    rho = 1e-3,
    tilt = 1,
    estimator = 'naive',
    sides = 'two',
    law = 'gaussian',
    normalize = 'none',
    weightDecay = 0,
    seed = 0,
  } = options;
  if (!Number.isFinite(learningRate)) {
    throw typeError('ERR_ZEST_OPTION', `learningRate must be a finite number, got ${learningRate}`);
  }
  if (!Number.isFinite(weightDecay) || weightDecay < 0) {
    throw rangeError('ERR_ZEST_OPTION', `weightDecay must be a number ≥ 0, got ${weightDecay}`);
  }
  if (!Number.isSafeInteger(directions) || directions < 1) {
    throw rangeError('ERR_ZEST_DIRECTIONS', `directions must be a whole number ≥ 1, got ${directions}`);
  }
  nativeEstimatorOptions({ rho, tilt, estimator, sides, normalize }, directions);
  const factor = learningRateFactor(options);
  let steps = 0;
  let previous: Promise<unknown> = Promise.resolve();

  const take = async <B>(objective: Objective<B>, batch: B, call: StepCallOptions): Promise<StepResult> => {
    objective.directions = { seed, law };
    const stepOptions: StepOptions = {
      ...call,
      directions,
      rho,
      tilt,
      estimator,
      sides,
      normalize,
      weightDecay,
      dimension: objective.dimension,
      firstStream: BigInt(steps) * BigInt(directions),
      learningRate: learningRate * factor(steps),
    };
    const result = await (objective.step?.(batch, stepOptions) ?? composeStep(objective, batch, stepOptions));
    steps++;
    return result;
  };

  return {
    get learningRate() {
      return learningRate * factor(steps);
    },
    step<B>(objective: Objective<B>, batch: B, call: StepCallOptions = {}) {
      const result = previous.then(() => take(objective, batch, call));
      previous = result.catch(() => {});
      return result;
    },
    state: () => ({ step: steps, directions, seed: String(seed), law }),
    restore(state: OptimizerState) {
      const own = { directions, seed: String(seed), law };
      for (const key of ['directions', 'seed', 'law'] as const) {
        if (JSON.stringify(state[key]) !== JSON.stringify(own[key])) {
          throw new ZestError(
            'ERR_ZEST_OPTION',
            `the state is of an optimizer with ${key} ${JSON.stringify(state[key])}, this one has ${JSON.stringify(own[key])}`,
          );
        }
      }
      if (!Number.isSafeInteger(state.step) || state.step < 0) {
        throw new ZestError('ERR_ZEST_OPTION', `the state's step must be a whole number ≥ 0, got ${state.step}`);
      }
      steps = state.step;
    },
  };
};

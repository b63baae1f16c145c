import { type ErrorCode, rangeError, typeError } from '../errors.ts';
import type { NativeEstimatorOptions } from '../native/binding.ts';
import { native } from '../native/load.ts';
import { isNameOf, NAMES } from '../native/names.ts';
import { norm } from '../numbers/vectors.ts';
import { given, optionsOf } from '../options/calls.ts';
import { checkedList, readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';

/**
 * The tilt t of the objective F_t(θ) = (1/t)·log E[exp(t·f(θ + ρv))], as a number or chosen at each step from its n losses:
 * - `{ tau }`: t = τ/σ, σ the population standard deviation of the losses
 * - `{ effectiveSampleSize: κ }`: the t at which (Σw)²/Σw² = κ·n, w = exp(t·f); 0 < κ ≤ 1
 * - `{ klRadius: δ }`: the t at which KL(softmax(t·f) ‖ uniform) = δ
 *
 * Solved to 1e-12, at most 10⁶/σ; σ = 0 gives t = 0.
 */
export type Tilt = number | { tau: number } | { effectiveSampleSize: number } | { klRadius: number };

/** What a caller's own estimator is told beside the losses. */
export interface EstimatorContext {
  /** Perturbation scale per coordinate. */
  rho: number;
  /** Tilt t of this step. */
  tilt: number;
  /** Losses a direction: f⁺ and f⁻, or f⁺ alone. */
  sides: 'one' | 'two';
}

/**
 * How losses become coefficients: one of the ratio estimators, or a function of the losses that returns one coefficient
 * a direction.
 */
export type Estimator =
  | 'naive'
  | 'biasCorrected'
  | 'beale'
  | 'jackknife'
  | ((losses: Float64Array, context: EstimatorContext) => Float64Array);

/** How a step's losses become the coefficients of its directions. */
export interface EstimatorOptions {
  /** Perturbation scale per coordinate, > 0; the ball's radius is ρ√d. 1e-3, say. */
  rho: number;
  /** Tilt t, or how to choose it; 0 is MeZO, `{ tau: 1 }` a good start. */
  tilt: Tilt;
  /** Estimator of the ratio of means that the gradient of F_t is; `naive`, say. */
  estimator: Estimator;
  /**
   * Losses a direction. `two`: losses are [f⁺₀, f⁻₀, f⁺₁, …]. `one`: [f₀, f₁, …], only with `naive` and at least two
   * directions.
   */
  sides: 'two' | 'one';
  /** Unit of the coefficients: `sigma` divides them by σ/ρ (FZOO's normalisation), `norm` by ‖c‖·√d. Default `none`. */
  normalize?: 'none' | 'sigma' | 'norm';
  /** Number of trainable parameters d, for `gradientNorm` and `normalize: 'norm'`. Default 1. */
  dimension?: number;
}

/** Coefficients and scalars of a step, from {@link coefficients}. Scalars are float64. */
export interface Coefficients {
  /** Losses as given. Two-sided: [f⁺₀, f⁻₀, f⁺₁, …]; one-sided: [f₀, f₁, …]. */
  losses: Float64Array;
  /** Coefficients c, one a direction, after `normalize`, before the learning rate. */
  coefficients: Float64Array;
  /** Tilt t of this step. */
  tilt: number;
  /** Tilt against the spread of the losses, t·σ. */
  tau: number;
  /** Tilted mean of the losses, (1/t)·log mean exp(t·f). */
  tiltedLoss: number;
  /** Mean of the losses. */
  meanLoss: number;
  /** Evaluations that carry weight, (Σw)²/Σw² of n: a number from 1 to n. */
  effectiveSampleSize: number;
  /** Length of the estimate, ‖c‖·√d. */
  gradientNorm: number;
}

const choose = <Key extends 'estimator' | 'sides' | 'normalize'>(key: Key, value: unknown, code: ErrorCode) => {
  if (isNameOf(key, value)) return value;
  throw rangeError(code, `${key} is ${show(value)}; expected ${NAMES[key].join(', ')}`);
};

const number = (value: unknown, key: string, accepts: (x: number) => boolean, expected: string, code: ErrorCode) => {
  if (typeof value !== 'number') throw typeError(code, `${key} is ${show(value)}; expected ${expected}`);
  if (!Number.isFinite(value) || !accepts(value)) throw rangeError(code, `${key} is ${value}; expected ${expected}`);
  return value;
};

const float64 = (values: unknown, name: string, code: ErrorCode): Float64Array => {
  const each = (value: unknown, place: string) => number(value, place, () => true, 'a finite number', code);
  return Float64Array.from(checkedList(values, { name, code, expected: 'an array of numbers', each }));
};

const tiltRule = (tilt: Tilt): Pick<NativeEstimatorOptions, 'tiltRule' | 'tiltValue'> => {
  const code = 'ERR_ZEST_TILT';
  const fromZero = (x: number) => x >= 0;
  if (typeof tilt === 'number') {
    return { tiltRule: 'number', tiltValue: number(tilt, 'tilt', fromZero, 'a finite number ≥ 0', code) };
  }
  const entries = readArgument('tilt', () => (typeof tilt === 'object' && tilt !== null ? Object.entries(tilt) : []));
  const [name = '', value] = entries[0] ?? [];
  if (!isNameOf('tiltRule', name) || name === 'number' || entries.length !== 1) {
    throw typeError(code, `tilt is ${show(tilt)}; expected a number, {tau}, {effectiveSampleSize} or {klRadius}`);
  }
  const isShare = name === 'effectiveSampleSize';
  const accepts = isShare ? (x: number) => x > 0 && x <= 1 : fromZero;
  const expected = isShare ? 'a share of the evaluations, above 0 and up to 1' : 'a finite number ≥ 0';
  return { tiltRule: name, tiltValue: number(value, `tilt.${name}`, accepts, expected, code) };
};

/**
 * The options of the core's estimator for a step of k directions. An estimator that is a function counts as `naive`:
 * the core then gives the tilt and the diagnostics, and {@link coefficients} calls the function.
 *
 * @throws TypeError or RangeError as {@link coefficients} does for its options
 */
export const nativeEstimatorOptions = (options: EstimatorOptions, directions: number): NativeEstimatorOptions => {
  if (typeof options !== 'object' || options === null) {
    throw typeError('ERR_ZEST_OPTION', `options is ${show(options)}; expected rho, tilt, estimator and sides`);
  }
  const { estimator, normalize = 'none', dimension = 1 } = options;
  const isFunction = typeof estimator === 'function';
  const isCount = (x: number) => Number.isSafeInteger(x) && x >= 1;
  const settings = {
    rho: number(options.rho, 'rho', (x) => x > 0, 'a finite number above 0', 'ERR_ZEST_RHO'),
    ...tiltRule(options.tilt),
    estimator: isFunction ? 'naive' : choose('estimator', estimator, 'ERR_ZEST_ESTIMATOR'),
    sides: choose('sides', options.sides, 'ERR_ZEST_OPTION'),
    normalize: choose('normalize', normalize, 'ERR_ZEST_OPTION'),
    dimension: number(dimension, 'dimension', isCount, 'a whole number of parameters ≥ 1', 'ERR_ZEST_OPTION'),
  };
  if (options.sides === 'one' && settings.estimator !== 'naive') {
    throw rangeError('ERR_ZEST_ESTIMATOR', `estimator is ${show(estimator)}; expected naive with sides one`);
  }
  if (options.sides === 'one' && directions === 1) {
    throw rangeError('ERR_ZEST_ESTIMATOR', 'the number of directions is 1; expected at least 2 with sides one');
  }
  return settings;
};

/** The options of a step go in as they are. */
type StepOptions = EstimatorOptions &
  Partial<Record<'directions' | 'firstStream' | 'learningRate' | 'weightDecay' | 'microBatch' | 'signal', unknown>>;

const knownOptions = optionsOf<StepOptions>({
  rho: given,
  tilt: given,
  estimator: given,
  sides: given,
  normalize: given,
  dimension: given,
  directions: given,
  firstStream: given,
  learningRate: given,
  weightDecay: given,
  microBatch: given,
  signal: given,
});

/** ‖c‖·√d */
const gradientNorm = (c: Float64Array, dimension: number): number => norm(c) * Math.sqrt(dimension);

/** What the core does with its own coefficients; where the unit is 0, as σ of equal losses is, they stay. */
const normalized = (c: Float64Array, losses: Float64Array, settings: NativeEstimatorOptions): Float64Array => {
  let unit = 1;
  if (settings.normalize === 'sigma') {
    // τ = t·σ, so that σ is the τ of t = 1.
    const ofUnitTilt = { ...settings, tiltRule: 'number', tiltValue: 1, normalize: 'none' } as const;
    unit = native().coefficients(losses, ofUnitTilt).tau / settings.rho;
  } else if (settings.normalize === 'norm') {
    unit = gradientNorm(c, settings.dimension);
  }
  return unit === 0 ? c : c.map((x) => x / unit);
};

/**
 * Turns the losses of a step into the coefficients c of its directions, of G = Σ cᵢ·v(streamᵢ), and the step's scalars.
 * Pure; float64 throughout.
 *
 * With t the tilt, aᵢ = (exp(t·f⁺ᵢ) − exp(t·f⁻ᵢ))/(2tρ), Bᵢ = (exp(t·f⁺ᵢ) + exp(t·f⁻ᵢ))/2, bᵢ = Bᵢ/mean B and
 * q = Σ(bᵢ − 1)²/(k − 1), two-sided:
 * - `naive`: aᵢ/ΣB, the plug-in estimate of ∇F_t = E[a·v]/E[B]; bias O(1/k)
 * - `biasCorrected`: naive·[1 − q/k + (bᵢ − 1)/(k − 1)] (ZEST, arXiv 2510.16157, Eq. 7, on direction pairs); O(1/k²)
 * - `beale`: naive·[1 + (bᵢ − 1)/(k − 1)]/(1 + q/k) (Beale's ratio estimator), never flips a sign; O(1/k²)
 * - `jackknife`: k·naive − ((k − 1)/k)·Σ leave-one-out (Quenouille's ratio estimator); O(1/k²)
 *
 * All are naive at k = 1 and n-SPSA at t = 0: exactly (f⁺ᵢ − f⁻ᵢ)/(2kρ). One-sided, with p = softmax(t·f):
 * (pᵢ − 1/k)/(tρ)·k/(k − 1), which is the leave-one-out estimator at t = 0. An estimator that is a function is called
 * with a copy of the losses once the tilt is known; its result is normalized like the others. Losses that are all equal
 * give coefficients of 0 whatever `normalize` is.
 *
 * @example
 * import { coefficients } from 'node-zest';
 * const step = coefficients([0.75, 0.5], { rho: 0.125, tilt: 0, estimator: 'naive', sides: 'two' });
 * console.log(step.coefficients, step.meanLoss); // Float64Array(1) [ 1 ] 0.625
 *
 * @param options those of the estimator, or all of a step by `Model.step`
 * @param losses two-sided [f⁺₀, f⁻₀, f⁺₁, …], one-sided [f₀, f₁, …]
 * @throws TypeError or RangeError with code ERR_ZEST_LOSSES (no array, not finite, none, or unpaired), ERR_ZEST_RHO,
 * ERR_ZEST_TILT, ERR_ZEST_ESTIMATOR (unknown; one-sided with another than naive or a function, or with one direction;
 * a function's result of the wrong length or not finite) or ERR_ZEST_OPTION (sides, normalize, dimension); ZestError
 * with ERR_ZEST_LOSSES or ERR_ZEST_TILT where the losses lie so far apart that float64 cannot hold the result
 */
export const coefficients = (losses: ArrayLike<number>, options: EstimatorOptions): Coefficients => {
  const known = typeof options === 'object' && options !== null ? knownOptions(options) : options;
  const values = float64(losses, 'losses', 'ERR_ZEST_LOSSES');
  const directions = known?.sides === 'one' ? values.length : values.length / 2;
  const settings = nativeEstimatorOptions(known, directions);
  if (directions === 0 || !Number.isInteger(directions)) {
    const expected = known.sides === 'one' ? 'one a direction' : 'two a direction, f⁺ and f⁻';
    throw rangeError('ERR_ZEST_LOSSES', `losses has ${values.length} values; expected ${expected}`);
  }
  if (typeof known.estimator !== 'function') return { losses: values, ...native().coefficients(values, settings) };

  const core = native().coefficients(values, { ...settings, normalize: 'none' });
  const name = 'what the estimator returned';
  const { rho, sides, estimator } = known;
  const returned = float64(estimator(values.slice(), { rho, tilt: core.tilt, sides }), name, 'ERR_ZEST_ESTIMATOR');
  if (returned.length !== directions) {
    const message = `${name} has ${returned.length} values; expected ${directions}, one a direction`;
    throw rangeError('ERR_ZEST_ESTIMATOR', message);
  }
  const c = normalized(returned, values, settings);
  const [before, after] = [returned, c].map((x) => gradientNorm(x, settings.dimension)) as [number, number];
  if (!Number.isFinite(before) || !Number.isFinite(after)) {
    throw rangeError('ERR_ZEST_ESTIMATOR', `${name} is too large: its norm is beyond float64`);
  }
  return { losses: values, ...core, coefficients: c, gradientNorm: after };
};

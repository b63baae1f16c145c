/** Options of every call that takes a while. */
export interface CallOptions {
  /** Stops the call; its promise then rejects with `signal.reason`. Honoured before the first weight is written, never after. */
  signal?: AbortSignal;
}

/**
 * The law that directions are drawn from. All have E[v vᵀ] = I:
 * - `gaussian`: N(0, 1) per coordinate
 * - `sphere`: a Gaussian direction scaled to norm √d
 * - `rademacher`: ±1 per coordinate
 * - `{ lowRank: r }`: A·Bᵀ/√r for matrices (A and B Gaussian), Gaussian for vectors
 */
export type Law = 'gaussian' | 'sphere' | 'rademacher' | { lowRank: number };

/** What directions are: a value, stored in every log. `seed` is a safe integer ≥ 0 or a bigint below 2⁶⁴. */
export interface Directions {
  seed: bigint | number;
  law: Law;
}

/** One term of a {@link Point}: float32(scale)·v(stream); streams are below 2⁶³. */
export interface Perturbation {
  stream: bigint;
  scale: number;
}

/** θ + Σ float32(scale)·v(stream), terms added in order; the empty list is θ itself. */
export type Point = Perturbation | readonly Perturbation[];

/** θ ← θ − (decay·θ + Σ coefficient·v(stream)); float32 values, and the log's record of a step. */
export interface Update {
  decay: number;
  terms: readonly { stream: bigint; coefficient: number }[];
}

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
  rho: number;
  tilt: number;
  sides: 'one' | 'two';
}

/** How losses become coefficients: one of the ratio estimators, or a function of the losses that returns one coefficient a direction. */
export type Estimator =
  | 'naive'
  | 'biasCorrected'
  | 'beale'
  | 'jackknife'
  | ((losses: Float64Array, context: EstimatorContext) => Float64Array);

/** How a step's losses become the coefficients of its directions. */
export interface EstimatorOptions {
  /** Perturbation scale per coordinate, > 0; the ball's radius is ρ√d. */
  rho: number;
  tilt: Tilt;
  estimator: Estimator;
  /** `two`: losses are [f⁺₀, f⁻₀, f⁺₁, …]. `one`: [f₀, f₁, …], only with `naive` and at least two directions. */
  sides: 'two' | 'one';
  /** `sigma` divides the coefficients by σ/ρ (FZOO's normalisation), `norm` by ‖c‖·√d. Default `none`. */
  normalize?: 'none' | 'sigma' | 'norm';
  /** d, for `gradientNorm` and `normalize: 'norm'`. Default 1. */
  dimension?: number;
}

/** One step: evaluate, coefficients, apply. */
export interface StepOptions extends EstimatorOptions, CallOptions {
  /** How many directions, k ≥ 1; their streams are firstStream … firstStream + k − 1. */
  directions: number;
  firstStream: bigint;
  learningRate: number;
  /** Decoupled, times the learning rate; skips biases and norms. Default 0. */
  weightDecay?: number;
  /** Sequences evaluated at a time; the bits do not depend on it. Default: the whole batch. */
  microBatch?: number;
}

/** What a step did. Scalars are float64 except where noted. */
export interface StepResult {
  /** Two-sided: [f⁺₀, f⁻₀, f⁺₁, …]; one-sided: [f₀, f₁, …]. */
  losses: Float64Array;
  /** c, one a direction, after `normalize`, before the learning rate. */
  coefficients: Float64Array;
  /** What was applied, in float32. */
  update: Update;
  /** The t used. */
  tilt: number;
  /** t·σ. */
  tau: number;
  /** (1/t)·log mean exp(t·f) over the losses. */
  tiltedLoss: number;
  meanLoss: number;
  /** (Σw)²/Σw² over the n evaluations, a count from 1 to n. */
  effectiveSampleSize: number;
  /** ‖c‖·√d. */
  gradientNorm: number;
}

/** Options of an evaluation. */
export interface EvaluateOptions extends CallOptions {
  /** What v(stream) is; default: the objective's own. */
  directions?: Directions;
  /** An error if θ is at another version when the call's turn comes. */
  atVersion?: bigint;
  /** Sequences evaluated at a time; the bits do not depend on it. Default: the whole batch. */
  microBatch?: number;
}

/** Options of calls that draw directions. */
export interface DirectionOptions extends CallOptions {
  /** What v(stream) is; default: the objective's own. */
  directions?: Directions;
}

/**
 * Anything that can be evaluated at perturbed points and updated; `B` is its batch. Methods are written against this.
 * The two primitives are `evaluate` and `apply`; directions go with each call.
 */
export interface Objective<B> {
  /** Trainable parameters, d. */
  readonly dimension: number;
  /** Updates applied so far. */
  readonly version: bigint;
  /** The loss at each point; θ is only read. */
  evaluate(batch: B, points: readonly Point[], options?: EvaluateOptions): Promise<Float64Array>;
  /** θ ← θ − (decay·θ + Σ coefficient·v(stream)). */
  apply(update: Update, options?: DirectionOptions): Promise<void>;
  /** ∇f at a point (default: θ itself), one value a trainable parameter in canonical order, where the objective has one. */
  gradient?(batch: B, options?: DirectionOptions & { at?: Point }): Promise<Float64Array>;
  /** Per point, the loss of each sequence. */
  sequenceLosses?(
    batch: B,
    points: readonly Point[],
    options?: Omit<EvaluateOptions, 'atVersion'>,
  ): Promise<Float64Array[]>;
  /** Does some work with the objective while no call of others takes effect on it. */
  exclusively?<T>(work: (alone: Objective<B>) => Promise<T>): Promise<T>;
  /** Names of the trainable parameters, in canonical order; together they have `dimension` elements. */
  readonly trainableNames?: readonly string[];
  /** v(stream) restricted to one parameter. */
  direction?(stream: bigint, name: string, options?: DirectionOptions): Promise<Float32Array>;
}

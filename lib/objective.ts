import type { NameOf } from './native/names.ts';

/** Options of every call that takes a while. */
export interface CallOptions {
  /**
   * Signal that stops the call; its promise then rejects with `signal.reason`. Honoured before the first weight is
   * written, never after. A call that waits for others is stopped when its turn comes.
   */
  signal?: AbortSignal;
}

/**
 * The law that directions are drawn from. All have E[v vᵀ] = I:
 * - `gaussian`: N(0, 1) per coordinate
 * - `sphere`: a Gaussian direction scaled to norm √d
 * - `rademacher`: ±1 per coordinate
 * - `{ lowRank: r }`: A·Bᵀ/√r for matrices (A and B Gaussian), Gaussian for vectors. With `keep: n`, n consecutive
 *   streams share their B, from a multiple of n on: of a step of k directions, k·ν keep it for ν steps. Default 1
 *   With `core: true`, V = U·Z·Bᵀ/r: U and B are kept, and Z, r × r and Gaussian, is of each stream
 */
export type Law = Exclude<NameOf<'law'>, 'lowRank'> | { lowRank: number; keep?: number; core?: boolean };

/** Seed and law that decide what v(stream) is; stored in every log. */
export interface Directions {
  /** Seed of the noise: a safe integer ≥ 0 or a bigint below 2⁶⁴. */
  seed: bigint | number;
  /** Law that directions are drawn from. */
  law: Law;
  /**
   * `curvature`: v(stream)/√H in the place of v(stream), element by element, H the state `curvature`, which is 1 before
   * the first update of it. Default: v(stream) itself. Models have no curvature yet.
   */
  metric?: 'curvature';
}

/** One term of a {@link Point}: float32(scale)·v(stream). */
export interface Perturbation {
  /** Stream of the direction, from 0 and below 2⁶³. */
  stream: bigint;
  /** Factor of the direction: ρ or −ρ, 1e-3 say. */
  scale: number;
}

/** One term of a {@link Point} along a given vector, scale·vector, where the objective has a gradient. */
export interface Displacement {
  /** Direction, one value a trainable parameter in canonical order: a gradient, say. */
  vector: Float64Array;
  /** Factor of the vector. */
  scale: number;
}

/**
 * A point around the weights, θ + Σ float32(scale)·v(stream), terms added in order; the empty list is θ itself. An
 * objective with a gradient takes vectors beside streams.
 */
export type Point = Perturbation | Displacement | readonly (Perturbation | Displacement)[];

/**
 * How an update uses G = Σ coefficient·v(stream) where that is not just subtracted. The state is as large as θ, named,
 * and kept by the objective from 0 on; float32 where θ is:
 * - `sign`: θ ← θ − (decay·θ + rate·sign G)
 * - `momentum`: momentum ← beta·momentum + G; θ ← θ − (decay·θ + rate·momentum)
 * - `adam`: firstMoment ← beta1·firstMoment + (1 − beta1)·G; secondMoment ← beta2·secondMoment + (1 − beta2)·G²;
 *   θ ← θ − (decay·θ + rate·firstMoment/(√secondMoment + epsilon)), where rate and epsilon hold the correction of the
 *   bias (Kingma and Ba 2015, end of section 2)
 */
export type UpdateRule =
  | { name: 'sign'; rate: number }
  | { name: 'momentum'; rate: number; beta: number }
  | { name: 'adam'; rate: number; beta1: number; beta2: number; epsilon: number };

/** Names of the state that rules keep of each trainable parameter. */
export type StateName = NameOf<'state'> | 'curvature';

/**
 * A change of the weights, θ ← θ − (decay·θ + Σ coefficient·v(stream)): float32 values, and the log's record of a step.
 */
export interface Update {
  /** Share of the weights that is subtracted: learning rate times weight decay, of those that decay. */
  decay: number;
  /** Directions that are subtracted, each times its coefficient. */
  terms: readonly { stream: bigint; coefficient: number }[];
  /** What is done with the sum of the terms. Default: it is subtracted. */
  rule?: UpdateRule;
  /** Whether the decay is towards the weights before the first such update, decay·(θ − anchor). Default: towards 0. */
  anchored?: boolean;
  /**
   * After the rest, curvature ← curvature·(keep + Σ weightᵢ·vᵢ²), element by element, with the directions of the terms
   * as they are without a metric.
   */
  curvature?: { keep: number; weights: readonly number[] };
  /** Added to the sum of the terms, in float64, where the objective has a gradient. */
  vector?: Float64Array;
}

/** Options of an evaluation. */
export interface EvaluationOptions extends CallOptions {
  /** What v(stream) is. Default: the objective's own. */
  directions?: Directions;
  /** Version that θ has to be at when the call's turn comes: at another, the call rejects. Default: any. */
  atVersion?: bigint;
  /** Number of sequences evaluated at a time; the bits do not depend on it. Default: the whole batch. */
  microBatch?: number;
}

/** Options of calls that draw directions. */
export interface DirectionOptions extends CallOptions {
  /** What v(stream) is. Default: the objective's own. */
  directions?: Directions;
}

/** Options of a gradient. */
export interface GradientOptions extends DirectionOptions {
  /** Where. Default: θ itself. */
  at?: Point;
  /** Version that θ has to be at when the call's turn comes: at another, the call rejects. Default: any. */
  atVersion?: bigint;
}

/**
 * Anything that can be evaluated at perturbed points and updated; `B` is its batch. Methods are written against this.
 * The two primitives are `evaluate` and `apply`; directions go with each call.
 */
export interface Objective<B> {
  /** Number of trainable parameters, d. */
  readonly dimension: number;
  /** Number of updates applied so far. */
  readonly version: bigint;
  /** Least that a loss of it can be, for methods that step by what lies above it. Default: 0, as of a cross-entropy. */
  readonly lowestLoss?: number | undefined;
  /** Computes the loss at each point; θ is only read. */
  evaluate(batch: B, points: readonly Point[], options?: EvaluationOptions): Promise<Float64Array>;
  /** Updates the weights: θ ← θ − (decay·θ + Σ coefficient·v(stream)). */
  apply(update: Update, options?: DirectionOptions): Promise<void>;
  /**
   * Computes ∇f at a point (default: θ itself), one value a trainable parameter in canonical order, where the objective
   * has one.
   */
  gradient?(batch: B, options?: GradientOptions): Promise<Float64Array>;
  /** Names of the state that updates have made so far. */
  readonly stateNames?: readonly StateName[];
  /** Copies the state of that name of one trainable parameter. */
  state?(name: StateName, parameter: string): Promise<Float32Array | Float64Array>;
  /** Puts values in the place of that state. */
  restoreState?(name: StateName, parameter: string, values: ArrayLike<number>): Promise<void>;
  /** Computes the loss of each sequence at each point: one array a point. */
  sequenceLosses?(batch: B, points: readonly Point[], options?: EvaluationOptions): Promise<Float64Array[]>;
  /**
   * Makes the loss of a stretch of a batch, whose sequences from `first` on have these losses ({@link sequenceLosses}),
   * for methods that hold parts of a batch against each other. Default: their mean.
   */
  combine?(losses: Float64Array, batch: B, first: number): number;
  /** Makes what evaluations of a batch need beside the engine, such as its tokens, so that they find it made. */
  prepare?(batch: B): void;
  /**
   * Does some work with the objective while no call of others takes effect on it. One that leaves examples out may begin
   * the work anew before its first update.
   */
  exclusively?<T>(work: (alone: Objective<B>) => Promise<T>): Promise<T>;
  /** Names of the trainable parameters, in canonical order; together they have `dimension` elements. */
  readonly trainableNames?: readonly string[];
  /** Computes the part of v(stream) that one parameter has. */
  direction?(stream: bigint, name: string, options?: DirectionOptions): Promise<Float32Array>;
}

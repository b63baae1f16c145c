import type { NameOf } from './native/names.ts';

/** Options of every call that takes a while. */
export interface CallOptions {
  /**
   * Signal that stops the call; its promise then rejects with `signal.reason`. Honoured before the first weight is
   * written, never after.
   */
  signal?: AbortSignal;
}

/**
 * The law that directions are drawn from. All have E[v vᵀ] = I:
 * - `gaussian`: N(0, 1) per coordinate
 * - `sphere`: a Gaussian direction scaled to norm √d
 * - `rademacher`: ±1 per coordinate
 * - `{ lowRank: r }`: A·Bᵀ/√r for matrices (A and B Gaussian), Gaussian for vectors
 */
export type Law = Exclude<NameOf<'law'>, 'lowRank'> | { lowRank: number };

/** Seed and law that decide what v(stream) is; stored in every log. */
export interface Directions {
  /** Seed of the noise: a safe integer ≥ 0 or a bigint below 2⁶⁴. */
  seed: bigint | number;
  /** Law that directions are drawn from. */
  law: Law;
}

/** One term of a {@link Point}: float32(scale)·v(stream). */
export interface Perturbation {
  /** Stream of the direction, from 0 and below 2⁶³. */
  stream: bigint;
  /** Factor of the direction: ρ or −ρ, 1e-3 say. */
  scale: number;
}

/** A point around the weights, θ + Σ float32(scale)·v(stream), terms added in order; the empty list is θ itself. */
export type Point = Perturbation | readonly Perturbation[];

/**
 * A change of the weights, θ ← θ − (decay·θ + Σ coefficient·v(stream)): float32 values, and the log's record of a step.
 */
export interface Update {
  decay: number;
  terms: readonly { stream: bigint; coefficient: number }[];
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

/**
 * Anything that can be evaluated at perturbed points and updated; `B` is its batch. Methods are written against this.
 * The two primitives are `evaluate` and `apply`; directions go with each call.
 */
export interface Objective<B> {
  /** Number of trainable parameters, d. */
  readonly dimension: number;
  /** Number of updates applied so far. */
  readonly version: bigint;
  /** Computes the loss at each point; θ is only read. */
  evaluate(batch: B, points: readonly Point[], options?: EvaluationOptions): Promise<Float64Array>;
  /** Updates the weights: θ ← θ − (decay·θ + Σ coefficient·v(stream)). */
  apply(update: Update, options?: DirectionOptions): Promise<void>;
  /**
   * Computes ∇f at a point (default: θ itself), one value a trainable parameter in canonical order, where the objective
   * has one.
   */
  gradient?(batch: B, options?: DirectionOptions & { at?: Point }): Promise<Float64Array>;
  /** Computes the loss of each sequence at each point: one array a point. */
  sequenceLosses?(
    batch: B,
    points: readonly Point[],
    options?: Omit<EvaluationOptions, 'atVersion'>,
  ): Promise<Float64Array[]>;
  /** Makes what evaluations of a batch need beside the engine, such as its tokens, so that they find it made. */
  prepare?(batch: B): void;
  /** Does some work with the objective while no call of others takes effect on it. */
  exclusively?<T>(work: (alone: Objective<B>) => Promise<T>): Promise<T>;
  /** Names of the trainable parameters, in canonical order; together they have `dimension` elements. */
  readonly trainableNames?: readonly string[];
  /** Computes the part of v(stream) that one parameter has. */
  direction?(stream: bigint, name: string, options?: DirectionOptions): Promise<Float32Array>;
}

/** The objective, with other directions for its calls that do not say which. */
export const withDirections = <B>(objective: Objective<B>, directions: Directions): Objective<B> => ({
  dimension: objective.dimension,
  get version() {
    return objective.version;
  },
  trainableNames: objective.trainableNames,
  evaluate: (batch, points, options) => objective.evaluate(batch, points, { directions, ...options }),
  apply: (update, options) => objective.apply(update, { directions, ...options }),
  ...(objective.direction && {
    direction: (stream: bigint, name: string, options?: DirectionOptions) =>
      objective.direction!(stream, name, { directions, ...options }),
  }),
});

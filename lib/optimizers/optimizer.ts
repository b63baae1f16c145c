import type { CallOptions, Law, Objective, StepResult } from '../objective.ts';

/** Where an optimizer stands: JSON, and all that a restored one needs to go on with the same bits. */
export interface OptimizerState {
  /** Steps taken; step s of k directions uses streams s·k … s·k + k − 1. */
  step: number;
  /** k, the seed (decimal) and the law: what the streams of the steps to come depend on. */
  directions: number;
  seed: string;
  law: Law;
}

/** A rule that turns losses into updates. One optimizer trains one objective. */
export interface Optimizer {
  /** The learning rate of the next step, after the schedule. */
  readonly learningRate: number;
  /**
   * Evaluates the batch, computes the coefficients and applies the update. Sets `objective.directions` first. A step
   * that fails or is aborted changes nothing and may be taken again. Calls take effect one after another.
   *
   * An objective that has no batches, such as a `vectorObjective`, takes none here.
   */
  step(objective: Objective<void>, batch?: undefined, options?: StepCallOptions): Promise<StepResult>;
  step<B>(objective: Objective<B>, batch: B, options?: StepCallOptions): Promise<StepResult>;
  state(): OptimizerState;
  /** Goes on from a state. Throws ERR_ZEST_OPTION if it is of other directions, seed or law than this optimizer's. */
  restore(state: OptimizerState): void;
}

export interface StepCallOptions extends CallOptions {
  /** Sequences evaluated at a time; the bits do not depend on it. Default: the whole batch. */
  microBatch?: number;
}

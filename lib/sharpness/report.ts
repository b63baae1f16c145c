import type { Trainable } from '../model/trainable.ts';
import { type Estimate, estimateMean } from '../numbers/statistics.ts';
import type { Law } from '../objective.ts';
import { increases } from './neighbourhood.ts';
import type { Sharpness } from './sharpness.ts';

/** Sharpness of one set of weights. */
export interface MeasuredWeights extends Sharpness {
  /** Weights that were measured. `before`: the model as it came; `after`: those that a run kept. */
  weights: 'before' | 'after';
  /** Folder that they were loaded from. */
  folder: string;
  /** Number of steps that they have seen. */
  step: number;
}

/**
 * Change that a run made to its sharpness, after − before. Both sets of weights are perturbed along the same
 * directions, and the intervals are of the differences, direction by direction, so that they are narrower than the two
 * intervals beside each other suggest.
 */
export interface SharpnessChange {
  /** Change of the loss at the weights themselves, in nats. */
  loss: number;
  /** Change of {@link LossesAtRadius.increase}, by radius; null where a loss is not finite. */
  increases: { radius: number; change: Estimate | null }[];
  /** Change of the trace of the Hessian. */
  trace: Estimate;
}

/** Content of sharpness.json. */
export interface SharpnessReport {
  kind: 'sharpness';
  /** Version of node-zest. */
  version: string;
  /** Path of the configuration, or of the run's folder. */
  source: string;
  /** Data that the loss is measured on. */
  split: 'train' | 'validation' | 'test';
  /** Number of examples of the split that the loss is the mean over. */
  examples: number;
  /** Seed of the directions. */
  seed: number;
  /** Law of the directions. */
  law: Law;
  /** Parameters that the configuration trains. */
  trainable: Trainable;
  /** Number of parameters that are perturbed, d. */
  dimension: number;
  /** Number of directions of each mean, each taken both ways. */
  samples: number;
  /** Sharpness of each set of weights. */
  measured: MeasuredWeights[];
  /** Change from before to after; absent unless both were measured. */
  change?: SharpnessChange;
}

/** after − before, direction by direction. */
export const sharpnessChange = (before: Sharpness, after: Sharpness): SharpnessChange => {
  const differences = (a: readonly number[], b: readonly number[]) => b.map((value, i) => value - a[i]!);
  return {
    loss: after.loss - before.loss,
    increases: before.radii.map((first, i) => {
      const second = after.radii[i]!;
      const finite = first.notFinite + second.notFinite === 0;
      const samples = differences(increases(first.losses, before.loss), increases(second.losses, after.loss));
      return { radius: first.radius, change: finite ? estimateMean(samples) : null };
    }),
    trace: estimateMean(differences(before.trace.probes, after.trace.probes)),
  };
};

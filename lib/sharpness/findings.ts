import type { Trainable } from '../model/trainable.ts';
import type { Law } from '../objective.ts';
import { type Estimate, estimateMean } from '../statistics.ts';
import { increases } from './neighbourhood.ts';
import type { Sharpness } from './sharpness.ts';

/** The sharpness of one set of weights. */
export interface MeasuredWeights extends Sharpness {
  /** `before`: the model as it came; `after`: the weights that a run kept. */
  weights: 'before' | 'after';
  /** The folder that they were loaded from. */
  folder: string;
  /** Steps that they have seen. */
  step: number;
}

/**
 * What a run did to its sharpness. Both sets of weights are perturbed along the same directions, and the intervals are of
 * the differences, direction by direction, so that they are narrower than the two intervals beside each other suggest.
 */
export interface SharpnessChange {
  loss: number;
  /** Of {@link LossesAtRadius.increase}, by radius; null where a loss is not finite. */
  increases: { radius: number; change: Estimate | null }[];
  trace: Estimate;
}

/** The content of sharpness.json. */
export interface SharpnessReport {
  kind: 'sharpness';
  /** Of node-zest. */
  version: string;
  /** The configuration or the folder of the run. */
  source: string;
  split: 'train' | 'validation' | 'test';
  /** How many of the split the loss is the mean over. */
  examples: number;
  /** Of the directions. */
  seed: number;
  law: Law;
  trainable: Trainable;
  /** Parameters that are perturbed, d. */
  dimension: number;
  /** Directions of each mean, both ways. */
  samples: number;
  measured: MeasuredWeights[];
  /** Of a run, unless only its own weights were measured. */
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

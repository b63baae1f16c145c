import { streamCount } from '../methods/checked-rounds.ts';
import { methodOf } from '../methods/registry.ts';
import type { EstimateEvent } from '../runs/events.ts';
import type { ResolvedConfig } from '../training/schema.ts';
import type { PlannedRun } from './plan.ts';

/**
 * Estimate of what a sweep takes: that of its first run, which is made beside the others, scaled to all that are left.
 */
export interface SweepEstimate {
  kind: 'estimate';
  /** Time of all runs, `jobs` at a time, in s; loading, checkpoints and the test are not counted. */
  seconds: number;
  /** Number of forward passes of all runs, if none stops early. */
  forwards: number;
  /** Memory of all processes at once, in bytes; on the CPU alone. */
  memory?: number;
}

/** The directions that an update of a run is made of, to which its time is proportional. */
const streamsOf = ({ optimizer }: ResolvedConfig): number => streamCount(methodOf(optimizer), optimizer);

/**
 * Scales the estimate of `first` to all runs. A forward's time goes with the batch size; its length is taken to be the
 * same.
 */
export const estimateSweep = (
  estimate: EstimateEvent,
  first: PlannedRun,
  left: readonly PlannedRun[],
  jobs: number,
): SweepEstimate => {
  let seconds = 0;
  let forwards = 0;
  for (const { config, forwards: ofRun } of left) {
    const { steps, evaluateEvery, batchSize } = config.training;
    forwards += ofRun;
    seconds += (ofRun * estimate.forwardSeconds * batchSize) / first.config.training.batchSize;
    seconds += (steps * estimate.updateSeconds * streamsOf(config)) / Math.max(1, streamsOf(first.config));
    seconds += (1 + Math.ceil(steps / evaluateEvery)) * estimate.evaluationSeconds;
  }
  const atOnce = Math.min(jobs, left.length);
  return {
    kind: 'estimate',
    seconds: seconds / atOnce,
    forwards,
    memory: estimate.memory && estimate.memory.total * atOnce,
  };
};

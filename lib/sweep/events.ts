import type { CallOptions } from '../objective.ts';
import type { TrainEvent } from '../runs/events.ts';
import type { SweepEstimate } from './estimate.ts';
import type { Axis } from './grid.ts';
import type { SweepResult, SweepRun } from './results.ts';

/** What `sweep` reports. Every event is JSON. */
export type SweepEvent =
  | {
      kind: 'start';
      output: string;
      /** All runs, and those of them that an earlier sweep finished. */
      runs: number;
      finished: number;
      /** Steps of the runs that are left, if none stops early. */
      steps: number;
      jobs: number;
      /** Of each job. */
      threads: number;
    }
  | SweepEstimate
  /** What `train` reports of the run `name`. */
  | { kind: 'train'; name: string; event: TrainEvent }
  /** A run has ended. */
  | { kind: 'run'; run: SweepRun }
  | { kind: 'done'; output: string; result: SweepResult };

export interface SweepOptions extends CallOptions {
  /** The values that keys of the configuration take: `{ 'optimizer.tilt': [0, 1, { tau: 1 }] }`, or a list of them. */
  grid: Readonly<Record<string, readonly unknown[]>> | readonly Axis[];
  /** Go on with what an earlier sweep left in the folder. Default false: an error. */
  resume?: boolean;
  /** Runs at a time, each a process with its share of the threads. Default: one a thread; one on a CUDA device. */
  jobs?: number;
  /** Forward passes that every run may take; sets training.steps, see docs/sweep.md. */
  forwards?: number;
  /** Overrides of the configuration, each key.path=value. */
  overrides?: readonly string[];
  /** Default: the configuration's. */
  output?: string;
}

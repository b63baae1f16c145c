import type { CallOptions } from '../objective.ts';
import type { TrainEvent } from '../runs/events.ts';
import type { SweepEstimate } from './estimate.ts';
import type { GridAxis } from './grid.ts';
import type { SweepResult, SweepRun } from './results.ts';

/** Events of `sweep`, in order. Each can be written as JSON. */
export type SweepEvent =
  | {
      kind: 'start';
      /** Folder of the sweep. */
      output: string;
      /** Number of runs in all. */
      runs: number;
      /** Number of runs that an earlier sweep finished. */
      finished: number;
      /** Number of steps of the runs that are left, if none stops early. */
      steps: number;
      /** Number of runs at a time. */
      jobs: number;
      /** Number of threads of each run. */
      threads: number;
    }
  | SweepEstimate
  /** Event of `train` from the run `name`. */
  | { kind: 'train'; name: string; event: TrainEvent }
  /** Result of a run that has ended. */
  | { kind: 'run'; run: SweepRun }
  | { kind: 'done'; output: string; result: SweepResult };

/** Options of `sweep`. */
export interface SweepOptions extends CallOptions {
  /** Values that keys of the configuration take: `{ 'optimizer.tilt': [0, 1, { tau: 1 }] }`, or a list of them. */
  grid: Readonly<Record<string, readonly unknown[]>> | readonly GridAxis[];
  /** Whether to go on with what an earlier sweep left in the folder. Default false: an error. */
  resume?: boolean;
  /**
   * Number of runs at a time, each a process with its share of the threads. Default: one a thread; 1 where a run is on a
   * CUDA device, by `auto` too.
   */
  jobs?: number;
  /**
   * Number of forward passes that every run may take; sets training.steps, see docs/sweep.md. Default: training.steps
   * stays.
   */
  forwards?: number;
  /** Overrides of the configuration, each key.path=value, such as `device=cpu`. Default: none. */
  overrides?: readonly string[];
  /** Folder of the sweep. Default: the configuration's `output`. */
  output?: string;
}

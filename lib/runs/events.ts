import type { CallOptions } from '../objective.ts';
import type { Score, TaskReport } from '../tasks/task.ts';

/** The scalars of a step, beside what the run knows; one line of metrics.jsonl. The method's diagnostics are among them. */
export interface StepEvent {
  kind: 'step';
  /** Number of steps taken, this one included. */
  step: number;
  /** Learning rate of this step, after the schedule. */
  learningRate: number;
  /** Mean of the step's losses, in nats. */
  meanLoss: number;
  /** Number of forward passes of a batch that training has taken, this step's included. */
  forwards: number;
  /** Time since the first step began, in s. */
  seconds: number;
  /** A diagnostic of the method, by its name. */
  [diagnostic: string]: number | string;
}

/** Estimate of what a run takes, made before its first step. */
export interface EstimateEvent {
  kind: 'estimate';
  /** Time of all forwards, updates and evaluations, in s; loading, checkpoints and the test are not counted. */
  seconds: number;
  /** Time of a forward pass of a training batch, in s. */
  forwardSeconds: number;
  /** Time of the update of a step, in s; 0 on a GPU. */
  updateSeconds: number;
  /** Time of an evaluation on the validation data, in s; 0 without such data. */
  evaluationSeconds: number;
  /** Number of forward passes of a training batch, if the run does not stop early. */
  forwards: number;
  /** Number of evaluations, if the run does not stop early. */
  evaluations: number;
  /**
   * Memory on the CPU, in bytes: the process before the model was loaded, weights, activations of one evaluation group.
   */
  memory?: { process: number; weights: number; activations: number; total: number };
}

/** What is known not to work, and what to do about it; docs/train.md has the codes. */
export interface Warning {
  /** Code of the warning: `WARN_ZEST_RHO`, say. */
  code: string;
  /** Sentence that says what is wrong, and what to change. */
  message: string;
}

/**
 * Warning of a setting, once a run after its first steps; of a loss that rises, once as soon as it is seen; and at the
 * end of what the run came to.
 */
export interface WarningEvent extends Warning {
  kind: 'warning';
}

/** Score of the weights on a split. */
export interface EvaluationEvent extends Score {
  kind: 'evaluation';
  /** Data that were scored. */
  split: 'validation' | 'test';
  /** Number of steps that the weights have seen; 0: the model as it came. */
  step: number;
  /** Number of forward passes of a batch that led to the weights; absent from `evaluate`, which does not train. */
  forwards?: number;
}

/** Score of weights on a split with what it is made of: what `evaluate` yields. */
export interface ExaminationEvent extends EvaluationEvent {
  /** Classes, confusion, calibration and the worst examples; of other answers than classes, the worst examples. */
  report: TaskReport;
}

/** Error that ended a run; the last line of its metrics.jsonl. */
export interface FailureEvent {
  kind: 'failure';
  /** Number of steps that were taken. */
  step: number;
  /** Message of the error. */
  message: string;
  /** Code of a ZestError or of a system's error. */
  code?: string;
}

/** Software and machine that a run was computed with. */
export interface Environment {
  /** Version of node-zest. */
  version: string;
  /** Version of Node. */
  node: string;
  /** Operating system and architecture: `linux x64`, say. */
  platform: string;
  /** Name of the processor. */
  processor: string;
  /** Name of the machine. */
  host: string;
}

/** Checkpoint that was written: weights, configuration and tokenizer in a model folder like any other. */
export interface CheckpointEvent {
  kind: 'checkpoint';
  /** Number of steps that the weights have seen. */
  step: number;
  /** Name of the checkpoint. */
  name: 'best' | 'last';
  /** Folder of the checkpoint, checkpoints/`name` of the run. */
  folder: string;
}

/** What a resumed run goes on from. It is not in metrics.jsonl, which is that of a run that was never stopped. */
export interface ResumeEvent {
  kind: 'resume';
  /** Number of steps taken so far; the next one is new. */
  step: number;
  /** Number of steps that the weights on disk had seen; 0: the model as it came. The log led on from there. */
  checkpoint: number;
  /** Bytes at the end of the log that were no whole record, as a killed process leaves them, and were cut off. */
  tornBytes: number;
}

/** Content of summary.json. */
export interface Summary {
  /** Number of steps taken. */
  steps: number;
  /**
   * Number of forward passes of a batch that training took, counted by the engine: 2·directions a step, or directions
   * with `sides: 'one'`. Evaluations are not among them.
   */
  forwards: number;
  /** Mean loss of the last step, in nats; null before the first step. */
  final: { loss: number | null };
  /**
   * Checkpoint that `validation` and `test` are of: the best in validation, by the task's first metric, where
   * training.keepBest says so.
   */
  kept: { name: 'best' | 'last'; step: number };
  /** Score of the weights kept; absent without data.validation, and where an interrupted run had no time to score them. */
  validation?: Score;
  /** Score of the weights kept; absent without data.test, and from an interrupted run. */
  test?: Score;
  /** Validation score of the model as it came. */
  before?: Score;
  /** Whether patience ran out before `training.steps`. */
  stoppedEarly: boolean;
  /** Whether the run's signal was aborted before its end. */
  interrupted: boolean;
  /** Warning of what the run came to: that its loss rose, that it learned nothing. Empty where all is well. */
  warnings: Warning[];
  /** Time from the start of `train` to the summary, in s. */
  seconds: number;
  /** Digest of the trainable weights after the last step, which checkpoints/last holds and trajectory.zest leads to. */
  digest: string;
  /** Device that the run was computed on: `cpu`, say. */
  device: string;
  /** Version of node-zest. */
  version: string;
}

/** Events of `train`, in order. Each can be written as JSON. */
export type TrainEvent =
  | {
      kind: 'start';
      /** Number of steps that the run takes, if it does not stop early. */
      steps: number;
      /** Device of the weights: `cpu`, say. */
      device: string;
      /** What the card is, or why `auto` took none; absent for a CPU that was asked for. */
      deviceReason?: string;
      /** Family of the model: `roberta`, say. */
      family: string;
      /** Number of parameters. */
      parameterCount: number;
      /** Number of parameters that are trained. */
      dimension: number;
      /** Number of training examples. */
      train: number;
      /** Number of validation examples. */
      validation: number;
      /** Number of test examples. */
      test: number;
      /** Folder of the run. */
      output: string;
      environment: Environment;
    }
  | EstimateEvent
  | ResumeEvent
  | StepEvent
  | WarningEvent
  | EvaluationEvent
  | CheckpointEvent
  | { kind: 'done'; output: string; summary: Summary };

/** Progress of loading or scoring. */
export interface Progress {
  /** Work that is under way. */
  stage: 'load' | 'validation' | 'test';
  /** Bytes of weights read for `load`, examples scored for the others. */
  done: number;
  /** Bytes or examples that there are. */
  total: number;
}

/** Options of `train`. */
export interface TrainOptions extends CallOptions {
  /** Whether to replace a run that the output folder holds. Default false: an error. */
  overwrite?: boolean;
  /**
   * Whether to go on with the run that the output folder holds, as if it had never been stopped; it begins where there is
   * none. Default false: an error.
   */
  resume?: boolean;
  /** Overrides of the configuration, each key.path=value, such as `device=cpu`. Default: none. */
  overrides?: readonly string[];
  /** Called as loading and scoring go on. */
  onProgress?: (progress: Progress) => void;
}

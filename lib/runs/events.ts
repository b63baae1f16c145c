import type { CallOptions } from '../objective.ts';
import type { Score } from '../tasks/task.ts';

/** The scalars of a step, beside what the run knows; one line of metrics.jsonl. The method's diagnostics are among them. */
export interface StepEvent {
  kind: 'step';
  /** Steps taken, this one included. */
  step: number;
  learningRate: number;
  meanLoss: number;
  /** Forward passes of a batch that training has taken, this step's included. */
  forwards: number;
  /** Since the first step began. */
  seconds: number;
  /** A diagnostic of the method, by its name. */
  [diagnostic: string]: number | string;
}

/** What a run is going to take, told before its first step. */
export interface EstimateEvent {
  kind: 'estimate';
  /** Of all forwards, updates and evaluations; loading, checkpoints and the test are not among them. */
  seconds: number;
  /** A forward pass of a training batch, the update of a step (0 on a GPU), an evaluation on the validation data (0 without). */
  forwardSeconds: number;
  updateSeconds: number;
  evaluationSeconds: number;
  /** How many of each there will be, if the run does not stop early. */
  forwards: number;
  evaluations: number;
  /** Bytes, on the CPU: the process before the model was loaded, the weights, the activations of one evaluation group. */
  memory?: { process: number; weights: number; activations: number; total: number };
}

/** A setting that is known not to work, told once a run after its first steps; docs/train.md has the codes. */
export interface WarningEvent {
  kind: 'warning';
  code: string;
  /** What is wrong, and what to change. */
  message: string;
}

export interface EvaluationEvent extends Score {
  kind: 'evaluation';
  split: 'validation' | 'test';
  /** Steps that the evaluated weights have seen; 0: the model as it came. */
  step: number;
  /** Forward passes of a batch that training had taken to those weights; absent from `evaluate`, which does not train. */
  forwards?: number;
}

/** Why a run ended before its time; the last line of its metrics.jsonl. */
export interface FailureEvent {
  kind: 'failure';
  step: number;
  message: string;
  /** Of a ZestError or a system's error. */
  code?: string;
}

/** What a run was computed with. */
export interface Environment {
  /** Of node-zest. */
  version: string;
  /** Of Node. */
  node: string;
  /** Operating system and architecture. */
  platform: string;
  processor: string;
}

/** Weights, configuration and tokenizer in checkpoints/`name`, a model folder like any other. */
export interface CheckpointEvent {
  kind: 'checkpoint';
  step: number;
  name: 'best' | 'last';
  folder: string;
}

/** The content of summary.json. */
export interface Summary {
  /** Steps taken. */
  steps: number;
  /** Forward passes of a batch that training took, counted by the engine: 2·directions a step, or directions with `sides: 'one'`. Evaluations are not among them. */
  forwards: number;
  /** `loss`: mean loss of the last step's evaluations; null before the first step. */
  final: { loss: number | null };
  /** The checkpoint that `validation` and `test` are of: the best in validation, by the task's first metric, where training.keepBest says so. */
  kept: { name: 'best' | 'last'; step: number };
  /** Score of the weights kept; absent without data.validation, and if a run was interrupted before they were scored. */
  validation?: Score;
  /** Score of the weights kept; absent without data.test, and from an interrupted run. */
  test?: Score;
  /** Validation score of the model as it came. */
  before?: Score;
  /** Whether patience ran out before `training.steps`. */
  stoppedEarly: boolean;
  interrupted: boolean;
  /** Wall clock from the start of `train` to the summary. */
  seconds: number;
  /** Of the trainable weights after the last step, which checkpoints/last holds and trajectory.zest leads to. */
  digest: string;
  device: string;
  version: string;
}

/** What `train` reports, in order. Every event is JSON. */
export type TrainEvent =
  | {
      kind: 'start';
      steps: number;
      device: string;
      family: string;
      /** Parameters, and how many of them are trained. */
      parameterCount: number;
      dimension: number;
      /** Examples. */
      train: number;
      validation: number;
      test: number;
      output: string;
      environment: Environment;
    }
  | EstimateEvent
  | StepEvent
  | WarningEvent
  | EvaluationEvent
  | CheckpointEvent
  | { kind: 'done'; output: string; summary: Summary };

/** How far something that takes a while has come; `total` in bytes for `load`, in examples for the others. */
export interface Progress {
  stage: 'load' | 'validation' | 'test';
  done: number;
  total: number;
}

export interface TrainOptions extends CallOptions {
  /** Replace a run that the output folder holds. Default false: an error. */
  overwrite?: boolean;
  onProgress?: (progress: Progress) => void;
}

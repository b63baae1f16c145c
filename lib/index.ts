export type { Batch, Target } from './batch.ts';
export { coefficients } from './coefficients.ts';
export { type ErrorCode, ZestError } from './errors.ts';
export type { LoraOptions, PrefixOptions } from './model/adapter-options.ts';
export type { HeadOption } from './model/head.ts';
export type { LoadOptions } from './model/load-options.ts';
export type { MemoryUse } from './model/memory.ts';
export { type GenerateOptions, Model } from './model/model.ts';
export type { Trainable } from './model/trainable.ts';
export type { Shortcuts } from './native.ts';
export { type NoiseOptions, noise } from './noise.ts';
export type {
  CallOptions,
  Directions,
  Estimator,
  EstimatorContext,
  EstimatorOptions,
  Law,
  Objective,
  Perturbation,
  Point,
  StepOptions,
  StepResult,
  Tilt,
  Update,
} from './objective.ts';
export { type MezoOptions, mezo } from './optimizers/mezo.ts';
export type { Optimizer, OptimizerState, StepCallOptions } from './optimizers/optimizer.ts';
export type { ScheduleName, ScheduleOptions } from './optimizers/schedule.ts';
export { type ZestOptions, zest } from './optimizers/zest.ts';
export type { SweepEstimate } from './sweep/estimate.ts';
export type { SweepEvent, SweepOptions } from './sweep/events.ts';
export type { Axis, GridRun } from './sweep/grid.ts';
export type { Spread, SweepPoint, SweepResult, SweepRun } from './sweep/results.ts';
export { sweep } from './sweep/sweep.ts';
export {
  type Classification,
  type Example,
  type ExampleFields,
  loadTask,
  type Score,
  type ScoreOptions,
  type Scorer,
  type Task,
} from './text/task.ts';
export type { ClassSpec, LabelWordSpec, TaskSpec } from './text/task-spec.ts';
export { type Encoding, Tokenizer } from './text/tokenizer.ts';
export { type EvaluateOptions, evaluate } from './training/evaluate.ts';
export type {
  CheckpointEvent,
  EstimateEvent,
  EvaluationEvent,
  Progress,
  StepEvent,
  Summary,
  TrainEvent,
  TrainOptions,
  WarningEvent,
} from './training/events.ts';
export {
  type FoundLearningRate,
  findLearningRate,
  type RatelessConfig,
  type RateMeasurement,
} from './training/find-learning-rate.ts';
export type { Config, ResolvedConfig } from './training/schema.ts';
export { train } from './training/train.ts';
export { readTrajectory, type Trajectory, type TrajectoryHeader } from './training/trajectory.ts';
export { type VectorObjective, vectorObjective } from './vector-objective.ts';
export { version } from './version.ts';

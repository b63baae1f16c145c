export { z } from 'zod';
export type { RowFormat, RowInput } from './data/input.ts';
export { type ReadRowsOptions, readRows } from './data/read-rows.ts';
export type { Row } from './data/rows.ts';
export { type ShuffledBatches, shuffledBatches } from './data/sampling.ts';
export { type ErrorCode, ZestError } from './errors.ts';
export { type Download, onDownload } from './hub/downloads.ts';
export {
  type Coefficients,
  coefficients,
  type Estimator,
  type EstimatorContext,
  type EstimatorOptions,
  type Tilt,
} from './methods/estimators.ts';
export {
  type Conflict,
  type Diagnostic,
  defineMethod,
  type FirstSteps,
  type Method,
  type MethodInput,
  type MethodOptions,
  type MethodState,
  type Round,
  type StepContext,
  type StepEstimate,
} from './methods/method.ts';
export { createOptimizer, type Optimizer, type OptimizerState, type StepCallOptions } from './methods/optimizer.ts';
export {
  type AdamwOptions,
  type AdazoSamOptions,
  type AutoOptions,
  adamw,
  adazoSam,
  auto,
  type ConservativeOptions,
  conservative,
  type EsOptions,
  type EssamOptions,
  es,
  essam,
  type FzooOptions,
  fzoo,
  type HizooOptions,
  hizoo,
  type LozoOptions,
  lozo,
  type MezoOptions,
  mezo,
  type NspsaOptions,
  nspsa,
  type OwnMethodName,
  registerMethod,
  type SaboOptions,
  type SamOptions,
  type SgdOptions,
  type SubzeroOptions,
  type SvrgOptions,
  sabo,
  sam,
  sgd,
  subzero,
  svrg,
  type TsamOptions,
  tsam,
  type ZestOptions,
  type ZosaOptions,
  zest,
  zosa,
} from './methods/registry.ts';
export type { LoggedRule, RuleOption } from './methods/rule.ts';
export type { StepResult } from './methods/run-step.ts';
export type { ScheduleName, ScheduleOptions } from './methods/schedule.ts';
export type { LoraOptions, PrefixOptions } from './model/adapter-options.ts';
export type { Batch, Target } from './model/batch.ts';
export type { EmbedOptions } from './model/embed.ts';
export type { GeneratedToken, GenerateOptions } from './model/generate.ts';
export type { HeadOption, ProblemType } from './model/head.ts';
export type { LoadOptions } from './model/load-options.ts';
export type { MemoryUse } from './model/memory.ts';
export { Model } from './model/model.ts';
export type { SavedWeights, SaveOptions } from './model/save.ts';
export type { ModelStepOptions, ModelStepResult } from './model/step.ts';
export type { Trainable } from './model/trainable.ts';
export type { Shortcuts } from './native/binding.ts';
export type { Estimate } from './numbers/statistics.ts';
export type {
  CallOptions,
  DirectionOptions,
  Directions,
  Displacement,
  EvaluationOptions,
  GradientOptions,
  Law,
  Objective,
  Perturbation,
  Point,
  StateName,
  Update,
  UpdateRule,
} from './objective.ts';
export { type BlackBox, type BlackBoxOptions, blackBox, type Values } from './objectives/black-box.ts';
export type { Examples } from './objectives/examples.ts';
export { type Answers, type MetricChoice, metricObjective } from './objectives/metric.ts';
export type { Decoding } from './objectives/model-at.ts';
export { type NoiseOptions, noise } from './objectives/noise.ts';
export type { Part } from './objectives/part.ts';
export { type Answer, type Reward, type RewardOptions, rewardObjective } from './objectives/reward.ts';
export type { Parameter, TensorSpec } from './objectives/tensors.ts';
export { exampleTilt, groupTilt } from './objectives/tilt.ts';
export { type VectorObjective, type VectorObjectiveOptions, vectorObjective } from './objectives/vector.ts';
export { type Report, report } from './report/report.ts';
export type { RunOverview } from './report/summary.ts';
export type {
  CheckpointEvent,
  Environment,
  EstimateEvent,
  EvaluationEvent,
  ExaminationEvent,
  FailureEvent,
  Progress,
  ResumeEvent,
  StepEvent,
  Summary,
  TrainEvent,
  TrainOptions,
  Warning,
  WarningEvent,
} from './runs/events.ts';
export type { LoggedTensor, LoggedUpdate, TrajectoryHeader } from './runs/logged.ts';
export { type Recordable, type RecordOptions, recordTrajectory } from './runs/record.ts';
export { type Replayable, type ReplayOptions, replayTrajectory } from './runs/replay.ts';
export type { RunStatus } from './runs/status.ts';
export { readTrajectory, type Trajectory, type TrajectoryWriter } from './runs/trajectory.ts';
export {
  hessianTrace,
  type QuadraticFormOptions,
  quadraticForm,
  type Trace,
  type TraceOptions,
} from './sharpness/curvature.ts';
export { type EigenvalueOptions, type Eigenvalues, topEigenvalues } from './sharpness/eigenvalues.ts';
export type { MeasureOptions } from './sharpness/losses.ts';
export { type MeasureSharpnessOptions, measureSharpness, type SharpnessStart } from './sharpness/measure.ts';
export {
  type LossesAtRadius,
  type Neighbourhood,
  type NeighbourhoodOptions,
  neighbourhood,
} from './sharpness/neighbourhood.ts';
export type { MeasuredWeights, SharpnessChange, SharpnessReport } from './sharpness/report.ts';
export { type Sharpness, type SharpnessOptions, sharpness } from './sharpness/sharpness.ts';
export { lossSlice, type Slice, type SliceOptions } from './sharpness/slice.ts';
export type { SweepEstimate } from './sweep/estimate.ts';
export type { SweepEvent, SweepOptions } from './sweep/events.ts';
export type { GridAxis, GridRun } from './sweep/grid.ts';
export type { ScoreSpread, Spread, SweepPoint, SweepResult, SweepRun } from './sweep/results.ts';
export { sweep } from './sweep/sweep.ts';
export { type ChatMessage, type ChatTemplate, loadChatTemplate } from './tasks/chat-template.ts';
export type { ChoiceSpec } from './tasks/choice.ts';
export type { ClassSpec } from './tasks/class.ts';
export type { Classification, ClassificationTask } from './tasks/classification.ts';
export type {
  CalibrationBin,
  ClassificationReport,
  ClassMeasures,
  WorstExample,
} from './tasks/classification-report.ts';
export type { LabelledExample as Example } from './tasks/example.ts';
export { generateText, streamText, type TextOptions } from './tasks/generate-text.ts';
export type { GenerateSpec, GenerationTask } from './tasks/generation.ts';
export type { LoadedTask as Task, TaskSpec } from './tasks/kinds.ts';
export type { LabelWordSpec } from './tasks/label-words.ts';
export { type LoadTaskOptions, loadTask } from './tasks/load.ts';
export { type AnswerKind, type Measures, type Metric, type MetricDefinition, registerMetric } from './tasks/metrics.ts';
export type { MultiLabelSpec, MultiLabelTask } from './tasks/multi-label.ts';
export type { RegressionSpec, RegressionTask } from './tasks/regression.ts';
export type {
  AnswerOptions,
  Examination,
  ExampleFields,
  Preview,
  Sampling,
  Score,
  ScoredExample,
  ScoreOptions,
  Scorer,
  TaskReport,
  Writer,
} from './tasks/task.ts';
export { type DecodeOptions, type Encoding, Tokenizer } from './tasks/tokenizer.ts';
export { type DataOverview, type DryRun, type DryRunOptions, dryRun, type PromptOverview } from './training/dry-run.ts';
export { type EvaluateModelOptions, type EvaluateOptions, evaluate, evaluateModel } from './training/evaluate.ts';
export {
  type FindLearningRateOptions,
  type FoundLearningRate,
  findLearningRate,
  type RatelessConfig,
  type RateMeasurement,
} from './training/find-learning-rate.ts';
export type { FollowedRate } from './training/follow-rate.ts';
export { type OpenRun, type OpenRunOptions, openRun } from './training/open-run.ts';
export { type Prediction, type PredictOptions, predict } from './training/predict.ts';
export {
  applyLog,
  exportLog,
  type ReplayedRun,
  type ReplayRunOptions,
  replayRun,
} from './training/replay-run.ts';
export type { Config, ResolvedConfig } from './training/schema.ts';
export { train } from './training/train.ts';
export { type VerifiedCheckpoint, verifyRun } from './training/verify-run.ts';
export { version } from './version.ts';

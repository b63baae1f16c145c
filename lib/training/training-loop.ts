import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { shuffledBatches } from '../data/sampling.ts';
import { createOptimizer, type Optimizer } from '../methods/optimizer.ts';
import { methodOf } from '../methods/registry.ts';
import type { CheckpointEvent, EvaluationEvent, StepEvent, TrainEvent, Warning, WarningEvent } from '../runs/events.ts';
import { appendMetrics, record } from '../runs/metrics-log.ts';
import { gain, type Metric } from '../tasks/metrics.ts';
import type { Example, Score, ScoredExample } from '../tasks/task.ts';
import { examineSplit } from './evaluate.ts';
import { type Course, collapse, divergence, isJudged } from './outcome.ts';
import type { ResolvedConfig } from './schema.ts';
import type { RunContext } from './start-run.ts';
import { settingWarnings, WATCHED_STEPS, weightScale } from './warnings.ts';

/** How far a run has come; {@link trainingLoop} keeps it up to date. */
export interface RunState extends Course {
  /** Mean loss of each step taken. */
  losses: number[];
  level: number;
  /** Forward passes of a batch, as the engine counted them. */
  forwards: number;
  /** Evaluations since the best. */
  sinceBest: number;
  stoppedEarly: boolean;
  /** Whether a divergence was told while the run went on. */
  told: boolean;
  /** Whether it was told that rewards failed and their examples were left out. */
  toldOfSkipped: boolean;
  warned: string[];
}

/** The state of a run before its first step. */
export const initialState = ({ inputs, warnings }: Pick<RunContext, 'inputs' | 'warnings'>): RunState => ({
  losses: [],
  level: 0,
  forwards: 0,
  sinceBest: 0,
  stoppedEarly: false,
  told: false,
  toldOfSkipped: false,
  warned: warnings.map(({ code }) => code),
  answers: inputs.task.names.length > 0 ? inputs.task.names : undefined,
});

/** The optimizer of a configuration; `training.seed` seeds its directions. */
export const configuredOptimizer = ({ optimizer, training }: ResolvedConfig): Optimizer => {
  const { method: _, ...options } = optimizer;
  return createOptimizer(methodOf(optimizer), { ...options, seed: training.seed, totalSteps: training.steps });
};

/** Writes the weights with their tokenizer to checkpoints/`name`, after the log that leads to them. */
export const saveCheckpoint = async (
  { config, run, log, model }: RunContext,
  step: number,
  name: CheckpointEvent['name'],
): Promise<CheckpointEvent> => {
  const folder = join(run.checkpoints, name);
  await log.flush();
  await model.save(folder, { weights: config.training.weights });
  await appendMetrics(run, { kind: 'checkpoint', step, name });
  return { kind: 'checkpoint', step, name, folder };
};

/** Whether a score is better by a metric, or by the loss if that is equal. */
const isBetter = (a: Score, b: Score | undefined, metric: Metric): boolean => {
  if (b === undefined) return true;
  const gained = gain(metric, a[metric], b[metric]);
  return gained > 0 || (gained === 0 && a.loss < b.loss);
};

/** Adds a warning to the run. */
export const warn = async ({ run }: RunContext, warning: Warning): Promise<WarningEvent> => {
  const event: WarningEvent = { kind: 'warning', ...warning };
  await appendMetrics(run, event);
  return event;
};

/** Says that the run diverged, once. */
async function* warnOfDivergence(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  if (!state.diverged || state.told) return;
  state.told = true;
  yield await warn(context, state.diverged);
}

/** Says that a reward failed and its example was left out, the first time. */
async function* warnOfSkipped(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  const [first] = context.skipped;
  if (first === undefined || state.toldOfSkipped) return;
  state.toldOfSkipped = true;
  yield await warn(context, {
    code: 'WARN_ZEST_REWARD',
    message: `${first.message}; the example is left out of the step, as others will be: mend the function, or let such failures end the run with objective.onError throw`,
  });
}

/** Scores the weights on the validation data, and keeps them if they are the best so far. */
export async function* validate(
  context: RunContext,
  state: RunState,
  { signal, onProgress } = context.options,
): AsyncGenerator<TrainEvent, void> {
  const { config, inputs, model } = context;
  const scored: ScoredExample[] = [];
  const onExample = (one: ScoredExample) => scored.push(one);
  const { score, report } = await examineSplit(inputs, model, 'validation', { signal, onProgress, onExample });
  const seen = { step: state.losses.length, forwards: state.forwards };
  const event: EvaluationEvent = { kind: 'evaluation', split: 'validation', ...seen, ...score };
  await record(context, event);
  yield event;
  state.last = { ...seen, score, report, scored };
  state.first ??= state.last;
  if (isBetter(score, state.best?.score, inputs.task.metrics[0] as Metric)) {
    state.best = state.last;
    state.sinceBest = 0;
    if (config.training.keepBest) yield await saveCheckpoint(context, seen.step, 'best');
  } else {
    state.sinceBest++;
  }
}

/** Steps, with evaluations and checkpoints where they fall due; rejects with `signal.reason` when aborted. */
export async function* trainingLoop(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  const { config, examples, model, objective, log, options } = context;
  const { steps, batchSize, evaluateEvery, checkpointEvery, patience, seed } = config.training;
  const { validation } = context.inputs;
  const { signal } = options;
  const { losses } = state;
  const optimizer = configuredOptimizer(config);
  const batches = shuffledBatches(examples.length, batchSize, seed);
  const batchOf = (step: number) => batches.batch(step).map((row) => examples[row] as Example);
  /** Makes the batch of a step, once the engine is at work. */
  const ahead = async (step: number) => {
    await setImmediate();
    if (step === steps) return undefined;
    const batch = batchOf(step);
    objective.prepare?.(batch);
    return batch;
  };
  let next: Example[] | undefined;
  const watched: StepEvent[] = [];

  if (validation.length) yield* validate(context, state);
  const began = performance.now();
  while (losses.length < steps && !state.stoppedEarly) {
    signal?.throwIfAborted();
    const { learningRate } = optimizer;
    const batch = next ?? batchOf(losses.length);
    const evaluated = model.forwards;
    const all = () => examples;
    const stepping = optimizer.step(objective, batch, { signal, all, microBatch: batchSize });
    const [result, following] = await Promise.all([stepping, ahead(losses.length + 1)]);
    next = following;
    await log.append(result.update);
    losses.push(result.meanLoss);
    state.level = result.losses.every((loss) => loss === result.losses[0]) ? state.level + 1 : 0;
    state.diverged = collapse(state);
    state.forwards += Number(model.forwards - evaluated) / batch.length;
    const taken = losses.length;
    const event: StepEvent = {
      kind: 'step',
      step: taken,
      learningRate,
      meanLoss: result.meanLoss,
      ...result.diagnostics,
      forwards: state.forwards,
      seconds: (performance.now() - began) / 1000,
    };
    await record(context, event);
    yield event;
    yield* warnOfSkipped(context, state);
    const last = taken === steps;
    if (watched.length < WATCHED_STEPS) {
      watched.push(event);
      // What a run that diverged shows of its settings is what became of its weights.
      if (!state.diverged && (last || watched.length === WATCHED_STEPS)) {
        for (const warning of settingWarnings(config, model, await weightScale(model), watched)) {
          state.warned.push(warning.code);
          yield await warn(context, warning);
        }
      }
    }
    const evaluates = validation.length > 0 && (last || taken % evaluateEvery === 0);
    if (evaluates) {
      yield* validate(context, state);
      state.stoppedEarly = !last && patience !== null && state.sinceBest >= patience;
    }
    if (evaluates || isJudged(taken)) state.diverged = divergence(state);
    // The end has the last word.
    if (!last && !state.stoppedEarly) yield* warnOfDivergence(context, state);
    if (!last && taken % checkpointEvery === 0) yield await saveCheckpoint(context, taken, 'last');
  }
}

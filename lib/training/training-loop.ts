import { setImmediate } from 'node:timers/promises';
import { ZestError } from '../errors.ts';
import type { Update } from '../objective.ts';
import type { CheckpointEvent, EvaluationEvent, StepEvent, TrainEvent, Warning, WarningEvent } from '../runs/events.ts';
import type { LoggedUpdate } from '../runs/logged.ts';
import { NO_METRICS } from '../runs/metrics-log.ts';
import { endReplacement } from '../runs/replacement.ts';
import { gain, type Metric } from '../tasks/metrics.ts';
import type { Example, Score, ScoredExample } from '../tasks/task.ts';
import { isNotFinite, ruinedBy, saveCheckpoint } from './checkpoints.ts';
import { stepCall } from './configured-optimizer.ts';
import { examineSplit } from './evaluate.ts';
import { collapse, divergence, isJudged } from './outcome.ts';
import { mark, type RunState } from './run-state.ts';
import type { RunContext } from './start-run.ts';
import { settingWarnings, WATCHED_STEPS, weightScale } from './warnings.ts';

/** Whether a score is better by a metric, or by the loss if that is equal. */
const isBetter = (a: Score, b: Score | undefined, metric: Metric): boolean => {
  if (b === undefined) return true;
  const gained = gain(metric, a[metric], b[metric]);
  return gained > 0 || (gained === 0 && a.loss < b.loss);
};

/** Adds a warning to the run. */
export const warn = async ({ metrics }: Pick<RunContext, 'metrics'>, warning: Warning): Promise<WarningEvent> => {
  const event: WarningEvent = { kind: 'warning', ...warning };
  await metrics.add(event);
  return event;
};

/**
 * Writes a checkpoint on the way. One that cannot be written is told of, for the log leads to its weights all the same.
 *
 * @throws ERR_ZEST_WEIGHTS_NOT_FINITE; ERR_ZEST_FILE where the log cannot be written
 */
async function* checkpoint(
  context: RunContext,
  state: RunState,
  name: CheckpointEvent['name'],
): AsyncGenerator<TrainEvent, void> {
  await context.log.flush();
  try {
    yield await saveCheckpoint(context, state, name);
  } catch (error) {
    if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_FILE') throw error;
    const message = `the checkpoint ${name} of step ${state.losses.length} could not be written: ${error.message}; the run goes on, and its log holds the step`;
    yield await warn(context, { code: 'WARN_ZEST_CHECKPOINT', message });
  }
}

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
  const options = { signal, onProgress, onExample };
  const { score, report } = await examineSplit(inputs, model, 'validation', options).catch((error) => {
    throw ruinedBy(state.losses.length, error);
  });
  const seen = { step: state.losses.length, forwards: state.forwards };
  const event: EvaluationEvent = { kind: 'evaluation', split: 'validation', ...seen, ...score };
  await context.metrics.add(event);
  yield event;
  state.last = { ...seen, score, report, scored };
  state.first ??= state.last;
  if (!isBetter(score, state.best?.score, inputs.task.metrics[0]!)) {
    state.sinceBest++;
    return;
  }
  state.best = state.last;
  state.sinceBest = 0;
  // One that cannot be written now is made at the end, or when the run goes on.
  if (config.training.keepBest) yield* checkpoint(context, state, 'best');
}

/** Steps in a row that may be skipped: weights at which no loss is finite do not get better by waiting. */
const MOST_SKIPPED = 10;

/** Counts a step that was taken, now or before. */
const countStep = (state: RunState, event: StepEvent, { terms }: Update): void => {
  state.losses.push(event.meanLoss);
  state.level = terms.length > 0 && terms.every(({ coefficient }) => coefficient === 0) ? state.level + 1 : 0;
  state.diverged = collapse(state);
  state.forwards = event.forwards;
  state.seconds = event.seconds;
  const isSkipped = event.skipped !== undefined;
  state.skipped = isSkipped ? state.skipped + 1 : 0;
  state.skips += Number(isSkipped);
  if (state.watched.length < WATCHED_STEPS) state.watched.push(event);
  mark(state);
};

const batchOf = ({ batches, examples }: RunContext, step: number): Example[] =>
  batches.batch(step).map((row) => examples[row]!);

/** Makes the batch of a step, once the engine is at work; none after the last. */
const prepareNext = async (context: RunContext, step: number): Promise<Example[] | undefined> => {
  await setImmediate();
  if (step === context.config.training.steps) return undefined;
  const batch = batchOf(context, step);
  context.objective.prepare?.(batch);
  return batch;
};

/** Takes the next step, logs it and counts it. */
const takeRunStep = async (context: RunContext, state: RunState, began: number): Promise<StepEvent> => {
  const { config, model, objective, log, metrics, options } = context;
  const { optimizer, losses } = state;
  const { learningRate } = optimizer;
  const batch = state.next ?? batchOf(context, losses.length);
  state.next = undefined;
  const evaluated = model.forwards;
  let update: LoggedUpdate;
  let scalars: Pick<StepEvent, 'meanLoss'> & Record<string, number | string>;
  try {
    const stepping = optimizer.step(objective, batch, stepCall(config, context.examples, options.signal));
    const both = [stepping, prepareNext(context, losses.length + 1)] as const;
    // The engine is at work until the step has ended, whatever becomes of the next batch.
    await Promise.allSettled(both);
    const [{ update: applied, meanLoss, diagnostics, losses: found }, next] = await Promise.all(both);
    state.next = next;
    update = optimizer.keepsState ? { ...applied, losses: [...found] } : applied;
    scalars = { meanLoss, ...diagnostics };
  } catch (error) {
    const isSkipped = isNotFinite(error) && config.training.onNonFinite === 'skip' && state.skipped + 1 < MOST_SKIPPED;
    if (!isSkipped) throw error;
    optimizer.restore({ ...optimizer.state(), step: losses.length + 1 });
    update = { decay: 0, terms: [] };
    scalars = { meanLoss: Number.NaN, skipped: error.message };
  }
  await log.append(update);
  const event: StepEvent = {
    kind: 'step',
    step: losses.length + 1,
    learningRate,
    ...scalars,
    forwards: state.forwards + Number(model.forwards - evaluated) / batch.length,
    seconds: (performance.now() - began) / 1000,
  };
  await metrics.add(event);
  countStep(state, event, update);
  if (state.losses.length === 1) {
    // From here on there is something to lose of this run, and a run that it replaces may go.
    await log.flush();
    await endReplacement(context.run);
  }
  if (context.isSyncDue()) await Promise.all([log.flush(), metrics.flush().catch(() => {})]);
  return event;
};

const skippedWarning = ({ losses }: RunState): Warning => ({
  code: 'WARN_ZEST_SKIPPED',
  message: `step ${losses.length} is skipped, as later ones with a loss that is not finite will be; use a smaller optimizer.learningRate or optimizer.rho`,
});

/** Warns of settings, evaluates and saves, as far as it falls due after the steps so far. */
async function* afterStep(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  const { config, inputs, model } = context;
  const { steps, evaluateEvery, checkpointEvery, patience } = config.training;
  const taken = state.losses.length;
  const last = taken === steps;
  const isScored = inputs.validation.length > 0;
  if (taken === 0) {
    if (isScored) yield* validate(context, state);
    return;
  }
  if (state.skipped === 1 && state.skips === 1) yield await warn(context, skippedWarning(state));
  // What a run that diverged shows of its settings is what became of its weights.
  if (!state.diverged && (taken === WATCHED_STEPS || (last && taken < WATCHED_STEPS))) {
    for (const warning of settingWarnings(config, model, await weightScale(model), state.watched)) {
      state.warned.push(warning.code);
      yield await warn(context, warning);
    }
  }
  const evaluates = isScored && (last || taken % evaluateEvery === 0);
  if (evaluates) {
    yield* validate(context, state);
    state.stoppedEarly = !last && patience !== null && state.sinceBest >= patience;
  }
  if (evaluates || isJudged(taken)) state.diverged = divergence(state);
  // The end has the last word.
  if (!last && !state.stoppedEarly) yield* warnOfDivergence(context, state);
  if (!last && taken % checkpointEvery === 0) yield* checkpoint(context, state, 'last');
}

/** Says once that metrics.jsonl cannot be written for now. */
async function* warnOfMetrics(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  const { failure } = context.metrics;
  if (failure && !state.unwritten) {
    const message = `${(failure as Error).message}; what belongs there is kept, and written with the next step that can be`;
    yield await warn(context, { code: 'WARN_ZEST_METRICS', message });
  }
  state.unwritten = failure !== undefined;
}

/** A step that was taken before: its record, and its line in the metrics. */
export interface RecordedStep {
  update: LoggedUpdate;
  event: StepEvent;
}

/**
 * Takes steps that were taken before, as the log has them, and evaluates what fell due between them; nothing is logged
 * again. What falls due after the last is left to {@link trainingLoop}.
 */
export const replaySteps = async (
  context: RunContext,
  state: RunState,
  recorded: Iterable<RecordedStep>,
): Promise<void> => {
  const { signal } = context.options;
  const silent: RunContext = { ...context, metrics: { ...NO_METRICS, flush: () => context.metrics.flush() } };
  for (const { update, event } of recorded) {
    signal?.throwIfAborted();
    for await (const _ of afterStep(silent, state));
    await state.optimizer.replay(context.objective, update);
    countStep(state, event, update);
  }
};

/** Steps, with evaluations and checkpoints where they fall due; rejects with `signal.reason` when aborted. */
export async function* trainingLoop(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  const { config, options } = context;
  yield* afterStep(context, state);
  const began = performance.now() - 1000 * state.seconds;
  while (state.losses.length < config.training.steps && !state.stoppedEarly) {
    options.signal?.throwIfAborted();
    yield await takeRunStep(context, state, began);
    yield* warnOfMetrics(context, state);
    yield* warnOfSkipped(context, state);
    yield* afterStep(context, state);
  }
}

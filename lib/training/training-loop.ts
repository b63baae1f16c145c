import { join } from 'node:path';
import { shuffledBatches } from '../data/sampling.ts';
import { createOptimizer, type Optimizer } from '../methods/optimizer.ts';
import { methodOf } from '../methods/registry.ts';
import type { CheckpointEvent, EvaluationEvent, StepEvent, TrainEvent } from '../runs/events.ts';
import { appendMetrics, record } from '../runs/metrics-log.ts';
import { gain, type Metric } from '../tasks/metrics.ts';
import type { Examination, Example, Score } from '../tasks/task.ts';
import { examineSplit } from './evaluate.ts';
import type { ResolvedConfig } from './schema.ts';
import type { RunContext } from './start-run.ts';
import { settingWarnings, WATCHED_STEPS, weightScale } from './warnings.ts';

/** A validation score with what it is made of, and what its weights had seen. */
export interface Evaluated extends Examination {
  step: number;
  forwards: number;
}

/** How far a run has come; {@link trainingLoop} keeps it up to date. */
export interface RunState {
  /** Steps taken. */
  steps: number;
  /** Forward passes of a batch, as the engine counted them. */
  forwards: number;
  /** Mean loss of the last step. */
  loss: number | null;
  /** Validation score of the model as it came. */
  before?: Score;
  /** The latest and the best validation score, and the steps that those weights had seen. */
  last?: Evaluated;
  best?: Evaluated;
  stoppedEarly: boolean;
}

/** The optimizer of a configuration; `training.seed` seeds its directions. */
export const configuredOptimizer = ({ optimizer, training }: ResolvedConfig): Optimizer => {
  const { method: _, ...options } = optimizer;
  return createOptimizer(methodOf(optimizer), { ...options, seed: training.seed, totalSteps: training.steps });
};

/** Writes the weights with their tokenizer to checkpoints/`name`, after the log that leads to them. */
export const saveCheckpoint = async (
  { run, log, model }: RunContext,
  step: number,
  name: CheckpointEvent['name'],
): Promise<CheckpointEvent> => {
  const folder = join(run.checkpoints, name);
  await log.flush();
  await model.save(folder);
  return { kind: 'checkpoint', step, name, folder };
};

/** Whether a score is better by a metric, or by the loss if that is equal. */
const isBetter = (a: Score, b: Score | undefined, metric: Metric): boolean => {
  if (b === undefined) return true;
  const gained = gain(metric, a[metric], b[metric]);
  return gained > 0 || (gained === 0 && a.loss < b.loss);
};

/** Steps, with evaluations and checkpoints where they fall due; rejects with `signal.reason` when aborted. */
export async function* trainingLoop(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  const { config, inputs, examples, model, log, options } = context;
  const { steps, batchSize, evaluateEvery, checkpointEvery, keepBest, patience, seed } = config.training;
  const { task, validation } = inputs;
  const { signal } = options;
  const optimizer = configuredOptimizer(config);
  const batches = shuffledBatches(examples.length, batchSize, seed);
  const watched: StepEvent[] = [];
  let evaluationsSinceBest = 0;

  const evaluate = async function* (): AsyncGenerator<TrainEvent, void> {
    const { score, report } = await examineSplit(inputs, model, 'validation', options);
    const seen = { step: state.steps, forwards: state.forwards };
    const event: EvaluationEvent = { kind: 'evaluation', split: 'validation', ...seen, ...score };
    await record(context, event);
    yield event;
    state.last = { ...seen, score, report };
    state.before ??= score;
    if (isBetter(score, state.best?.score, task.metrics[0] as Metric)) {
      state.best = state.last;
      evaluationsSinceBest = 0;
      if (keepBest) yield await saveCheckpoint(context, state.steps, 'best');
    } else {
      evaluationsSinceBest++;
    }
  };

  if (validation.length) yield* evaluate();
  const began = performance.now();
  while (state.steps < steps && !state.stoppedEarly) {
    signal?.throwIfAborted();
    const { learningRate } = optimizer;
    const batch = task.batch(batches.batch(state.steps).map((row) => examples[row] as Example));
    const evaluated = model.forwards;
    const result = await optimizer.step(model, batch, { signal });
    await log.append(result.update);
    state.steps++;
    state.forwards += Number(model.forwards - evaluated) / batch.sequences.length;
    state.loss = result.meanLoss;
    const event: StepEvent = {
      kind: 'step',
      step: state.steps,
      learningRate,
      meanLoss: result.meanLoss,
      ...result.diagnostics,
      forwards: state.forwards,
      seconds: (performance.now() - began) / 1000,
    };
    await record(context, event);
    yield event;
    const last = state.steps === steps;
    if (watched.length < WATCHED_STEPS) {
      watched.push(event);
      if (last || watched.length === WATCHED_STEPS) {
        for (const warning of settingWarnings(config, model, await weightScale(model), watched)) {
          await appendMetrics(context.run, warning);
          yield warning;
        }
      }
    }
    if (validation.length && (last || state.steps % evaluateEvery === 0)) {
      yield* evaluate();
      state.stoppedEarly = !last && patience !== null && evaluationsSinceBest >= patience;
    }
    if (!last && state.steps % checkpointEvery === 0) yield await saveCheckpoint(context, state.steps, 'last');
  }
}

import { join } from 'node:path';
import { isInterruption } from '../abort.ts';
import { writeAtomic } from '../files/files.ts';
import type { EvaluationEvent, Summary, TrainEvent } from '../runs/events.ts';
import type { Examination, ScoredExample } from '../tasks/task.ts';
import { version } from '../version.ts';
import { settleBest } from './best-checkpoint.ts';
import { saveCheckpoint } from './checkpoints.ts';
import { examineSplit, testCheckpoint } from './evaluate.ts';
import { outcomeWarning } from './outcome.ts';
import type { RunState } from './run-state.ts';
import type { RunContext } from './start-run.ts';
import { validate, warn } from './training-loop.ts';

/** What scoring the last weights of a run that was told to stop may take: less than whoever told it will wait. */
const LAST_SCORE_MS = 5000;

const testKept = async (context: RunContext, kept: Summary['kept']) => {
  const { config, run, inputs, model } = context;
  const scored: ScoredExample[] = [];
  const options = { ...context.options, onExample: (one: ScoredExample) => scored.push(one) };
  if (kept.name === 'last') return { ...(await examineSplit(inputs, model, 'test', options)), scored };
  // One model in memory at a time: the trained one is on disk by now.
  model.dispose();
  return { ...(await testCheckpoint(config, inputs, join(run.checkpoints, kept.name), options)), scored };
};

/** Scores the last weights of an interrupted run, if there is time. */
async function* validateLast(context: RunContext, state: RunState): AsyncGenerator<TrainEvent, void> {
  const steps = state.losses.length;
  if (context.inputs.validation.length === 0 || steps === 0 || state.last?.step === steps) return;
  const signal = AbortSignal.timeout(LAST_SCORE_MS);
  try {
    yield* validate(context, state, { signal });
  } catch (error) {
    if (!isInterruption(error, signal)) throw error;
  }
}

/** The weights to keep: the best; the last ones where they were not scored, and none of those that were has learned. */
const chooseKept = (keepBest: boolean, { best, last, losses }: RunState): Summary['kept'] => {
  const steps = losses.length;
  const isScored = last?.step === steps;
  if (!keepBest || best === undefined || best.step === steps || (best.step === 0 && !isScored))
    return { name: 'last', step: steps };
  return { name: 'best', step: best.step };
};

/**
 * The end of a run: last checkpoint, test, warnings, summary. The last weights of an interrupted run are scored if that
 * does not take long, and not tested; it ends with the signal's reason.
 */
export async function* finishRun(
  context: RunContext,
  state: RunState,
  started: number,
): AsyncGenerator<TrainEvent, void> {
  const { config, run, inputs, model, options } = context;
  const { losses } = state;
  const steps = losses.length;
  // A run that went back, as its metrics had fewer steps than its log, may have been stopped before it took those again.
  await (options.signal?.aborted ? context.log.cutTorn() : context.log.cut());
  yield await saveCheckpoint(context, state, 'last');
  const digest = await model.digest();
  const { device } = model;
  if (options.signal?.aborted) yield* validateLast(context, state);
  // Whoever told the run to stop did not tell it to lose its best weights.
  await settleBest({ ...context, options: {} }, state);
  const { best, last } = state;
  const kept = chooseKept(config.training.keepBest, state);
  const validated = [best, last].find((validation) => validation?.step === kept.step);
  let test: (Examination & { scored: ScoredExample[] }) | undefined;
  if (inputs.test.length && !options.signal?.aborted) {
    try {
      test = await testKept(context, kept);
      const forwards = kept.name === 'best' ? validated?.forwards : state.forwards;
      const event: EvaluationEvent = { kind: 'evaluation', split: 'test', step: kept.step, forwards, ...test.score };
      await context.metrics.add(event);
      yield event;
    } catch (error) {
      if (!isInterruption(error, options.signal)) throw error;
    }
  }
  if (validated || test) {
    await writeAtomic(run.reports, `${JSON.stringify({ validation: validated?.report, test: test?.report })}\n`);
  }
  const tested = test && { step: kept.step, forwards: state.forwards, ...test };
  const warning = outcomeWarning({ ...state, tested }, kept.step);
  if (warning) yield await warn(context, warning);
  await context.metrics.flush();
  const summary: Summary = {
    steps,
    forwards: state.forwards,
    final: { loss: losses.at(-1) ?? null },
    kept,
    before: state.first?.score,
    validation: validated?.score,
    test: test?.score,
    stoppedEarly: state.stoppedEarly,
    interrupted: options.signal?.aborted ?? false,
    warnings: warning ? [warning] : [],
    seconds: (performance.now() - started) / 1000,
    digest,
    device,
    version,
  };
  await writeAtomic(run.summary, `${JSON.stringify(summary, null, 2)}\n`);
  if (summary.interrupted) throw options.signal?.reason;
  yield { kind: 'done', output: run.path, summary };
}

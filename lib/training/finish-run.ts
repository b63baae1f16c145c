import { join } from 'node:path';
import { writeAtomic } from '../files.ts';
import type { EvaluationEvent, Summary, TrainEvent } from '../runs/events.ts';
import { record } from '../runs/metrics-log.ts';
import type { Examination } from '../tasks/task.ts';
import { version } from '../version.ts';
import { examineSplit, testCheckpoint } from './evaluate.ts';
import type { RunContext } from './start-run.ts';
import { type RunState, saveCheckpoint } from './training-loop.ts';

const testKept = async ({ config, run, inputs, model, options }: RunContext, kept: Summary['kept']) => {
  if (kept.name === 'last') return examineSplit(inputs, model, 'test', options);
  // One model in memory at a time: the trained one is on disk by now.
  model.dispose();
  return testCheckpoint(config, inputs, join(run.checkpoints, kept.name), options);
};

/** The end of a run: last checkpoint, test, summary. An interrupted run is not tested, and ends with the signal's reason. */
export async function* finishRun(
  context: RunContext,
  state: RunState,
  started: number,
): AsyncGenerator<TrainEvent, void> {
  const { config, run, inputs, model, options } = context;
  const { steps, best, last } = state;
  yield await saveCheckpoint(context, steps, 'last');
  const digest = await model.digest();
  const { device } = model;
  const bestKept = config.training.keepBest && best !== undefined && best.step < steps;
  const kept: Summary['kept'] = bestKept ? { name: 'best', step: best.step } : { name: 'last', step: steps };
  let test: Examination | undefined;
  if (inputs.test.length && !options.signal?.aborted) {
    try {
      test = await testKept(context, kept);
      const forwards = bestKept ? best.forwards : state.forwards;
      const event: EvaluationEvent = { kind: 'evaluation', split: 'test', step: kept.step, forwards, ...test.score };
      await record(context, event);
      yield event;
    } catch (error) {
      if (!options.signal?.aborted) throw error;
    }
  }
  const validated = [bestKept ? best : last].find((evaluated) => evaluated?.step === kept.step);
  if (validated || test) {
    await writeAtomic(run.reports, `${JSON.stringify({ validation: validated?.report, test: test?.report })}\n`);
  }
  const summary: Summary = {
    steps,
    forwards: state.forwards,
    final: { loss: state.loss },
    kept,
    before: state.before,
    validation: validated?.score,
    test: test?.score,
    stoppedEarly: state.stoppedEarly,
    interrupted: options.signal?.aborted ?? false,
    seconds: (performance.now() - started) / 1000,
    digest,
    device,
    version,
  };
  await writeAtomic(run.summary, `${JSON.stringify(summary, null, 2)}\n`);
  if (summary.interrupted) throw options.signal?.reason;
  yield { kind: 'done', output: run.path, summary };
}

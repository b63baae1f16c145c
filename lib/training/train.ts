import { arch, cpus, hostname, platform } from 'node:os';
import { isInterruption } from '../abort.ts';
import { closeAfter } from '../closing.ts';
import { isError, rangeError } from '../errors.ts';
import { callback, flag, optionsOf, overrides, signal } from '../options/calls.ts';
import type { Environment, FailureEvent, Summary, TrainEvent, TrainOptions } from '../runs/events.ts';
import { isReplacing, settleRun } from '../runs/replacement.ts';
import { version } from '../version.ts';
import { finishRun } from './finish-run.ts';
import { catchUp, configToTrain, type ResumedRun, resumeRun } from './resume-run.ts';
import { freshState, type RunState } from './run-state.ts';
import type { Config, ResolvedConfig } from './schema.ts';
import { type RunContext, type StartedRun, startRun } from './start-run.ts';
import { trainingLoop, warn } from './training-loop.ts';

const environment = (): Environment => ({
  version,
  node: process.version,
  platform: `${platform()} ${arch()}`,
  processor: cpus()[0]?.model ?? '',
  host: hostname(),
});

const failure = (step: number, error: unknown): FailureEvent => ({
  kind: 'failure',
  step,
  message: isError(error) ? error.message : String(error),
  ...(isError(error) && 'code' in error && { code: String(error.code) }),
});

/** Goes on with the run that is there, with `resume`, or begins one: again, while others begin there meanwhile. */
const openOrStart = async (
  config: ResolvedConfig,
  options: TrainOptions,
): Promise<ResumedRun | { summary: Summary } | StartedRun> => {
  for (;;) {
    const found = options.resume ? await resumeRun(config, options) : undefined;
    const opened = found ?? (await startRun(config, options));
    if (opened) return opened;
  }
};

/** Whether a run has nothing yet, and would take the place of one that has. */
const isOnlyReplacing = async ({ run }: RunContext, { losses }: RunState): Promise<boolean> =>
  losses.length === 0 && (await isReplacing(run.path));

/** Trains to the end of a run that was begun or goes on. */
async function* runOpened(opened: ResumedRun | StartedRun, started: number): AsyncGenerator<TrainEvent, void> {
  const { context } = opened;
  const found = 'state' in opened ? opened : undefined;
  const { config, run, inputs, examples, model, metrics } = context;
  const { signal } = context.options;
  const state = found?.state ?? freshState(context);
  try {
    const start: TrainEvent = {
      kind: 'start',
      steps: config.training.steps,
      device: model.device,
      ...(model.deviceReason !== undefined && { deviceReason: model.deviceReason }),
      family: model.family,
      parameterCount: model.parameterCount,
      dimension: model.dimension,
      train: examples.length,
      validation: inputs.validation.length,
      test: inputs.test.length,
      output: run.path,
      environment: environment(),
    };
    // The metrics of a run that goes on have it, and what was odd about the data.
    if (!found?.hasStart) await metrics.add(start);
    yield start;
    for (const warning of found?.hasStart ? [] : context.warnings) yield await warn(context, warning);
    if ('estimate' in opened) yield opened.estimate;
    if (found) {
      await catchUp(found);
      yield found.event;
      if (found.warning) yield await warn(context, found.warning);
    }
    try {
      yield* trainingLoop(context, state);
    } catch (error) {
      // After any other error the weights may be those of a step that the log does not have.
      if (!isInterruption(error, signal) || (await isOnlyReplacing(context, state))) throw error;
    }
    yield* finishRun(context, state, started);
  } catch (error) {
    // Where this line cannot be written either, the first error is the one to hear of.
    if (!isInterruption(error, signal)) {
      await metrics.add(failure(state.losses.length, error));
      await metrics.flush().catch(() => {});
    }
    throw error;
  }
}

const trainOptions = optionsOf<TrainOptions>({
  signal,
  overwrite: flag,
  resume: flag,
  overrides,
  onProgress: callback,
});

/**
 * Fine-tunes a model as a configuration says, and writes the run to its `output` folder: config.yaml, metrics.jsonl,
 * trajectory.zest, checkpoints/last, checkpoints/best and summary.json. `config` is a configuration or the path of one,
 * `overrides` change what it says.
 *
 * Yields what happens. When `signal` aborts, the step under way is finished or not begun, the weights and the summary
 * are written, and the iteration ends with `signal.reason`; if something fails meanwhile, with that error. Leaving the
 * loop early only closes the files.
 *
 * With `resume` a run goes on that was stopped or killed, or whose `training.steps` were raised: to the same weights and
 * metrics as if it had never been stopped. `config` may then be the folder of the run. One that has ended yields `done`.
 *
 * @example
 * import { train } from 'node-zest';
 * for await (const event of train('run.yaml', { overrides: ['training.steps=2'] })) {
 *   if (event.kind === 'step') console.log(event.step, event.meanLoss);
 * }
 *
 * @throws ERR_ZEST_CONFIG; ERR_ZEST_RUN if the folder holds a run and neither `overwrite` nor `resume` is set, if another
 * run writes to it, or if the one to resume was begun with another configuration, data, base or version; what loading
 * the model, the task and the data throws; ERR_ZEST_LOSS_NOT_FINITE; ERR_ZEST_WEIGHTS_NOT_FINITE
 */
export async function* train(config: Config | string, given?: TrainOptions): AsyncGenerator<TrainEvent, void> {
  const started = performance.now();
  const options = trainOptions(given);
  const { overrides, overwrite, resume } = options;
  if (overwrite && resume) {
    throw rangeError('ERR_ZEST_OPTION', 'resume is true; expected false with overwrite, which replaces the run');
  }
  const resolved = await configToTrain(config, { overrides, resume }, 'override');
  const opened = await openOrStart(resolved, options);
  if ('summary' in opened) {
    yield { kind: 'done', output: resolved.output, summary: opened.summary };
    return;
  }
  const { log, metrics, run, lock, model } = opened.context;
  yield* closeAfter(runOpened(opened, started), [
    () => log.close(),
    () => metrics.close(),
    // What cannot be put back now is by the next run, or by the first look with resume.
    () => settleRun(run).catch(() => {}),
    () => lock.close(),
    () => model.dispose(),
  ]);
}

import { arch, cpus, platform } from 'node:os';
import { isError } from '../errors.ts';
import { callback, flag, optionsOf, overrides, signal } from '../options/calls.ts';
import type { Environment, FailureEvent, TrainEvent, TrainOptions } from '../runs/events.ts';
import { appendMetrics } from '../runs/metrics-log.ts';
import { version } from '../version.ts';
import { estimateRun } from './estimate.ts';
import { finishRun } from './finish-run.ts';
import type { Config } from './schema.ts';
import { startRun } from './start-run.ts';
import { initialState, trainingLoop, warn } from './training-loop.ts';

const environment = (): Environment => ({
  version,
  node: process.version,
  platform: `${platform()} ${arch()}`,
  processor: cpus()[0]?.model ?? '',
});

const failure = (step: number, error: unknown): FailureEvent => ({
  kind: 'failure',
  step,
  message: isError(error) ? error.message : String(error),
  ...(isError(error) && 'code' in error && { code: String(error.code) }),
});

const trainOptions = optionsOf<TrainOptions>({ signal, overwrite: flag, overrides, onProgress: callback });

/**
 * Fine-tunes a model as a configuration says, and writes the run to its `output` folder: config.yaml, metrics.jsonl,
 * trajectory.zest, checkpoints/last, checkpoints/best and summary.json. `config` is a configuration or the path of one,
 * `overrides` change what it says.
 *
 * Yields what happens. When `signal` aborts, the step under way is finished or not begun, the weights and the summary
 * are written, and the iteration ends with `signal.reason`. Leaving the loop early only closes the files.
 *
 * @example
 * import { train } from 'node-zest';
 * for await (const event of train('run.yaml', { overrides: ['training.steps=2'] })) {
 *   if (event.kind === 'step') console.log(event.step, event.meanLoss);
 * }
 *
 * @throws ERR_ZEST_CONFIG; ERR_ZEST_RUN if the folder holds a run and `overwrite` is not set, or another run writes to
 * it; what loading the model, the task and the data throws; ERR_ZEST_LOSS_NOT_FINITE
 */
export async function* train(config: Config | string, given?: TrainOptions): AsyncGenerator<TrainEvent, void> {
  const started = performance.now();
  const options = trainOptions(given);
  const { overrides, signal } = options;
  const { loadConfig } = await import('./config.ts');
  const resolved = await loadConfig(config, overrides, 'override');
  const context = await startRun(resolved, options);
  const { run, inputs, examples, model, log, events, lock } = context;
  const state = initialState(context);
  try {
    const start: TrainEvent = {
      kind: 'start',
      steps: resolved.training.steps,
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
    await appendMetrics(run, start);
    yield start;
    for (const warning of context.warnings) yield await warn(context, warning);
    try {
      yield await estimateRun(context);
      yield* trainingLoop(context, state);
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
    yield* finishRun(context, state, started);
  } catch (error) {
    // Where this line cannot be written either, the first error is the one to hear of.
    if (!signal?.aborted) await appendMetrics(run, failure(state.losses.length, error)).catch(() => {});
    throw error;
  } finally {
    await log.close();
    await events?.close();
    await lock.close();
    model.dispose();
  }
}

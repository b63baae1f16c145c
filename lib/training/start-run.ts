import type { FileHandle } from 'node:fs/promises';
import type { Model } from '../model/model.ts';
import { baseDigest } from '../runs/base-digest.ts';
import type { TrainOptions, WarningEvent } from '../runs/events.ts';
import { assertModelApart, assertNoRun, createRun, type RunFolder, runFolder } from '../runs/folder.ts';
import { lockFolder } from '../runs/lock.ts';
import { EventFileWriter } from '../runs/tensorboard.ts';
import { NOISE_VERSION, TrajectoryWriter } from '../runs/trajectory.ts';
import type { Example } from '../tasks/task.ts';
import { version } from '../version.ts';
import { dataWarnings } from './data-warnings.ts';
import { loadInputs, loadModel, loadTrainingExamples, type RunInputs } from './inputs.ts';
import type { ResolvedConfig } from './schema.ts';

/** What a run works with. */
export interface RunContext {
  config: ResolvedConfig;
  run: RunFolder;
  inputs: RunInputs;
  /** The training examples. */
  examples: readonly Example[];
  /** What is odd about the examples. */
  warnings: readonly WarningEvent[];
  model: Model;
  log: TrajectoryWriter;
  /** With training.tensorboard. */
  events?: EventFileWriter;
  /** Resident memory of the process before the model was loaded, in bytes. */
  residentBefore: number;
  /** The right to write to the run's folder. */
  lock: FileHandle;
  options: TrainOptions;
}

/** Loads all that a run needs and, once that has worked, makes its folder. */
export const startRun = async (config: ResolvedConfig, options: TrainOptions): Promise<RunContext> => {
  const run = runFolder(config.output);
  if (!options.overwrite) await assertNoRun(run);
  const warnings: WarningEvent[] = [];
  const warn = (warning: WarningEvent) => warnings.push(warning);
  const inputs = await loadInputs(config, undefined, warn);
  const examples = await loadTrainingExamples(config, inputs.task, warn);
  warnings.push(...dataWarnings(config, inputs.task, { train: examples, validation: inputs.validation }));
  const residentBefore = process.memoryUsage.rss();
  const model = await loadModel(config, inputs.tokenizer, options);
  let lock: FileHandle | undefined;
  try {
    // A head that does not fit the task is found before anything is written.
    await inputs.task.score(model, examples.slice(0, 1), { signal: options.signal });
    lock = await lockFolder(run.path);
    // Another run may have been there, and ended, since the first look.
    if (!options.overwrite) await assertNoRun(run);
    await assertModelApart(run, config.model);
    const base = await baseDigest(config.model);
    await createRun(run, config);
    const log = await TrajectoryWriter.create(run.trajectory, {
      noiseVersion: NOISE_VERSION,
      base,
      trainable: await model.digest(),
      dimension: model.dimension,
      directions: { seed: String(config.training.seed), law: config.optimizer.law ?? 'gaussian' },
      config,
      version,
    });
    const events = config.training.tensorboard ? await EventFileWriter.create(run.path) : undefined;
    return { config, run, inputs, examples, warnings, model, log, events, residentBefore, lock, options };
  } catch (error) {
    model.dispose();
    await lock?.close();
    throw error;
  }
};

import type { FileHandle } from 'node:fs/promises';
import { ZestError } from '../errors.ts';
import { baseDigest } from '../runs/base-digest.ts';
import type { TrainOptions } from '../runs/events.ts';
import { assertModelApart, assertNoRun, assertNoSweep, createRun, type RunFolder, runFolder } from '../runs/folder.ts';
import { lockFolder } from '../runs/lock.ts';
import { EventFileWriter } from '../runs/tensorboard.ts';
import { NOISE_VERSION, TrajectoryWriter } from '../runs/trajectory.ts';
import { version } from '../version.ts';
import { type PreparedRun, prepareRun } from './prepare-run.ts';
import type { ResolvedConfig } from './schema.ts';

/** What a run works with. */
export interface RunContext extends PreparedRun {
  run: RunFolder;
  log: TrajectoryWriter;
  /** With training.tensorboard. */
  events?: EventFileWriter;
  /** The right to write to the run's folder. */
  lock: FileHandle;
}

/** Loads all that a run needs and, once that has worked, makes its folder. */
export const startRun = async (config: ResolvedConfig, options: TrainOptions): Promise<RunContext> => {
  const run = runFolder(config.output);
  if (!options.overwrite) await assertNoRun(run);
  await assertNoSweep(run);
  const prepared = await prepareRun(config, options);
  const { model } = prepared;
  if (model.dimension === 0) {
    model.dispose();
    throw new ZestError('ERR_ZEST_TRAINABLE', "trainable is 'none'; a run trains something: all, lora, head, …");
  }
  let lock: FileHandle | undefined;
  try {
    lock = await lockFolder(run.path);
    // Another run may have been there, and ended, since the first look.
    if (!options.overwrite) await assertNoRun(run);
    await assertModelApart(run, config.model);
    if (config.adapter !== undefined) await assertModelApart(run, config.adapter);
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
    return { ...prepared, run, log, events, lock };
  } catch (error) {
    model.dispose();
    await lock?.close();
    throw error;
  }
};

import type { FileHandle } from 'node:fs/promises';
import { closeOnError } from '../closing.ts';
import { type ShuffledBatches, shuffledBatches } from '../data/sampling.ts';
import { ZestError } from '../errors.ts';
import { ruleName } from '../methods/rule.ts';
import type { Model } from '../model/model.ts';
import { baseDigest } from '../runs/base-digest.ts';
import type { EstimateEvent, TrainOptions } from '../runs/events.ts';
import { assertModelApart, assertNoSweep, type RunFolder, runFolder } from '../runs/folder.ts';
import { lockFolder } from '../runs/lock.ts';
import type { TrajectoryHeader } from '../runs/logged.ts';
import { type Metrics, MetricsLog } from '../runs/metrics-log.ts';
import { assertFree, createRun, holdsLog } from '../runs/replacement.ts';
import { syncSchedule } from '../runs/sync.ts';
import { EventFileWriter } from '../runs/tensorboard.ts';
import { TrajectoryWriter } from '../runs/trajectory.ts';
import { NOISE_VERSION } from '../runs/trajectory-format.ts';
import { version } from '../version.ts';
import { estimateRun } from './estimate.ts';
import { inputDigests } from './input-digests.ts';
import { type PreparedRun, prepareRun } from './prepare-run.ts';
import type { ResolvedConfig } from './schema.ts';

/** What a run works with. */
export interface RunContext extends PreparedRun {
  run: RunFolder;
  batches: ShuffledBatches;
  log: TrajectoryWriter;
  metrics: Metrics;
  /** Says, after each step, whether the log is to be flushed. */
  isSyncDue: () => boolean;
  /** The right to write to the run's folder. */
  lock: FileHandle;
}

/** What the log of a run begins with; a run that goes on has to have the same. */
const trajectoryHeader = async (config: ResolvedConfig, model: Model): Promise<TrajectoryHeader> => ({
  noiseVersion: NOISE_VERSION,
  base: await baseDigest(config.model),
  trainable: await model.digest(),
  frozen: await model.digest('frozen'),
  dimension: model.dimension,
  dtype: model.dtype,
  tensors: model.parameters,
  directions: { seed: String(config.training.seed), law: config.optimizer.law ?? 'gaussian' },
  method: config.optimizer.method,
  rule: ruleName(config.optimizer),
  config,
  inputs: await inputDigests(config),
  device: model.device,
  version,
});

/** What a prepared run writes with: in its folder, whose lock it has. */
export const runContext = async (
  prepared: PreparedRun,
  { run, lock, log, written }: Pick<RunContext, 'run' | 'lock' | 'log'> & { written: number },
): Promise<RunContext> => {
  const { batchSize, seed, sync, tensorboard } = prepared.config.training;
  const events = tensorboard ? await EventFileWriter.create(run.path) : undefined;
  return {
    ...prepared,
    run,
    lock,
    log,
    batches: shuffledBatches(prepared.examples.length, batchSize, seed),
    metrics: await MetricsLog.open(run.metrics, written, events),
    isSyncDue: syncSchedule(sync),
  };
};

/** A run that begins. */
export interface StartedRun {
  context: RunContext;
  estimate: EstimateEvent;
}

/**
 * Loads all that a run needs, tries it, and, once that has worked, makes its folder. Undefined with `resume` where another
 * run has begun there meanwhile, which is then the one to go on with.
 */
export const startRun = async (config: ResolvedConfig, options: TrainOptions): Promise<StartedRun | undefined> => {
  const run = runFolder(config.output);
  const { resume = false } = options;
  // Without a log there is no run to go on with: what else is there was left by one that was killed before it had its log.
  const overwrite = resume || options.overwrite === true;
  await assertFree(run.path, { overwrite });
  await assertNoSweep(run);
  const prepared = await prepareRun(config, options);
  const { model } = prepared;
  let lock: FileHandle | undefined;
  let log: TrajectoryWriter | undefined;
  try {
    if (model.dimension === 0) {
      throw new ZestError('ERR_ZEST_TRAINABLE', "trainable is 'none'; a run trains something: all, lora, head, …");
    }
    const estimate = await estimateRun(prepared);
    lock = await lockFolder(run.path);
    // Another run may have been there, and ended, since the first look.
    if (resume && (await holdsLog(run.path))) {
      model.dispose();
      await lock.close();
      return undefined;
    }
    await assertFree(run.path, { overwrite });
    await assertModelApart(run, config.model);
    if (config.adapter !== undefined) await assertModelApart(run, config.adapter);
    const header = await trajectoryHeader(config, model);
    log = await createRun(run, config, () => TrajectoryWriter.create(run.trajectory, header));
    return { context: await runContext(prepared, { run, lock, log, written: 0 }), estimate };
  } catch (error) {
    await closeOnError([() => model.dispose(), () => log?.close(), () => lock?.close()]);
    throw error;
  }
};

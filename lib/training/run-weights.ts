import { disposeOnError } from '../closing.ts';
import { ZestError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import type { TrainOptions } from '../runs/events.ts';
import type { TrajectoryHeader } from '../runs/logged.ts';
import { heldRun } from '../runs/replacement.ts';
import { assertBegins, assertNoise, leadOn } from '../runs/replay.ts';
import type { OpenTrajectory } from '../runs/trajectory.ts';
import type { Tokenizer } from '../tasks/tokenizer.ts';
import { findCheckpoints } from './checkpoints.ts';
import { loadModel } from './inputs.ts';
import type { ResolvedConfig } from './schema.ts';

/** What the weights of a run are made from. */
export interface RunWeights {
  config: ResolvedConfig;
  tokenizer: Tokenizer;
  log: OpenTrajectory;
  options: Pick<TrainOptions, 'signal' | 'onProgress'>;
}

/**
 * Loads the configuration's model as the run of a log began with it.
 *
 * @throws ERR_ZEST_TRAJECTORY where the log begins with other weights
 */
export const loadBase = async (file: string, { config, tokenizer, log, options }: RunWeights): Promise<Model> => {
  assertNoise(file, log.header);
  const model = await loadModel(config, tokenizer, options);
  await disposeOnError(model, () => assertBegins(file, log.header, model, `the model ${config.model}`));
  return model;
};

/** Whether what is trained is not in the weights of a checkpoint as the run has it: it is merged, or has another place. */
export const isAdapted = ({ adapter, trainable }: Pick<ResolvedConfig, 'adapter' | 'trainable'>): boolean =>
  adapter !== undefined || (typeof trainable === 'object' && ('lora' in trainable || 'prefix' in trainable));

/** Whether a checkpoint is of the run of a log, and has the trained weights of a digest. */
export const isOf = async ({ tensors, frozen }: TrajectoryHeader, model: Model, digest: string): Promise<boolean> =>
  JSON.stringify(tensors) === JSON.stringify(model.parameters) &&
  (frozen === undefined || (await model.digest('frozen')) === frozen) &&
  (await model.digest()) === digest;

/**
 * Loads the model with the weights that a run had after some steps: from the newest checkpoint before them, or from the
 * base, and the log. `from` is the step of the weights on disk.
 *
 * @throws ERR_ZEST_TRAJECTORY where the log begins with other weights than the base
 */
export const weightsAt = async (step: number, weights: RunWeights): Promise<{ model: Model; from: number }> => {
  const { config, tokenizer, log, options } = weights;
  const run = await heldRun(config.output);
  assertNoise(run.trajectory, log.header);
  const moved = async (model: Model, from: number) => {
    await disposeOnError(model, () => leadOn(model, log.header, log.updates(from, step), options));
    return { model, from };
  };
  // State that a rule keeps is in no checkpoint: the log makes it, from its beginning.
  const onlyByLog = isAdapted(config) || log.header.rule !== 'plain';
  for (const found of onlyByLog ? [] : await findCheckpoints(run, step)) {
    const model = await loadModel(config, tokenizer, options, found.folder, { isTrained: true }).catch((error) => {
      options.signal?.throwIfAborted();
      // One that is damaged is passed over.
      if (error instanceof ZestError && error.code === 'ERR_ZEST_MEMORY') throw error;
      return undefined;
    });
    if (!model) continue;
    if (await disposeOnError(model, () => isOf(log.header, model, found.digest))) return moved(model, found.step);
    model.dispose();
  }
  return moved(await loadBase(run.trajectory, weights), 0);
};

import { disposeAfter } from '../closing.ts';
import type { Model } from '../model/model.ts';
import { openTrajectory } from '../runs/trajectory.ts';
import { checkpointMetadata, saveCheckpoint } from './checkpoints.ts';
import type { RunState } from './run-state.ts';
import { weightsAt } from './run-weights.ts';
import type { RunContext } from './start-run.ts';

/**
 * Makes the best checkpoint that of the run's best step, from the log, where it is not: it could not be written then, or a
 * step that is taken again had taken its place.
 *
 * @throws ERR_ZEST_FILE where it cannot be written
 */
export const settleBest = async (context: RunContext, { best, losses }: RunState): Promise<void> => {
  const { config, run, inputs, options } = context;
  const step = best?.step;
  if (!config.training.keepBest || step === undefined) return;
  if ((await checkpointMetadata(run, 'best'))?.step === step) return;
  const save = (model: Model) => saveCheckpoint({ ...context, model }, { losses: losses.slice(0, step) }, 'best');
  if (step === losses.length) {
    await save(context.model);
    return;
  }
  const log = await openTrajectory(run.trajectory);
  const { model } = await weightsAt(step, { config, tokenizer: inputs.tokenizer, log, options });
  await disposeAfter(model, save);
};

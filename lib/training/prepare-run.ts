import { disposeOnError } from '../closing.ts';
import type { ZestError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import type { Objective } from '../objective.ts';
import type { TrainOptions, Warning } from '../runs/events.ts';
import type { Example } from '../tasks/task.ts';
import { dataWarnings } from './data-warnings.ts';
import { loadInputs, loadModel, type RunInputs } from './inputs.ts';
import { configuredObjective } from './objective.ts';
import { readTraining } from './read-data.ts';
import type { ResolvedConfig } from './schema.ts';

/** What a run needs, in memory; nothing is written yet. */
export interface PreparedRun {
  config: ResolvedConfig;
  inputs: RunInputs;
  /** The training examples. */
  examples: readonly Example[];
  /** What is odd about the examples. */
  warnings: readonly Warning[];
  model: Model;
  /** What the run learns; its batches are examples. */
  objective: Objective<readonly Example[]>;
  /** Errors of rewards whose examples were left out. */
  skipped: readonly ZestError[];
  /** Resident memory of the process before the model was loaded, in bytes. */
  residentBefore: number;
  options: TrainOptions;
}

/** Loads all that a run needs; the caller disposes of the model, which `load` may get from elsewhere than the base. */
export const prepareRun = async (
  config: ResolvedConfig,
  options: TrainOptions,
  load = (inputs: RunInputs): Promise<Model> => loadModel(config, inputs.tokenizer, options),
): Promise<PreparedRun> => {
  const warnings: Warning[] = [];
  const warn = (warning: Warning) => warnings.push(warning);
  const { signal } = options;
  const inputs = await loadInputs(config, { warn, signal });
  const groups = new Map<string, string>();
  const examples = await readTraining(config.data, inputs.task, { warn, groups, signal });
  const modelLength = inputs.tokenizer.maxLength;
  warnings.push(...dataWarnings(config, inputs.task, { ...inputs, train: examples, modelLength }));
  const residentBefore = process.memoryUsage.rss();
  return disposeOnError(await load(inputs), async (model) => {
    // A head that does not fit the task, or a reward that fails, is found before anything is written.
    await inputs.task.score(model, examples.slice(0, 1), { signal });
    const skipped: ZestError[] = [];
    const objective = configuredObjective(config, model, { ...inputs, groups }, (error) => skipped.push(error));
    return { config, inputs, examples, warnings, model, objective, skipped, residentBefore, options };
  });
};

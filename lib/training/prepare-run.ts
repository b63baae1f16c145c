import type { Model } from '../model/model.ts';
import type { TrainOptions, Warning } from '../runs/events.ts';
import type { Example } from '../tasks/task.ts';
import { dataWarnings } from './data-warnings.ts';
import { loadInputs, loadModel, loadTrainingExamples, type RunInputs } from './inputs.ts';
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
  const inputs = await loadInputs(config, undefined, warn);
  const examples = await loadTrainingExamples(config, inputs.task, warn);
  const modelLength = inputs.tokenizer.maxLength;
  warnings.push(...dataWarnings(config, inputs.task, { train: examples, validation: inputs.validation, modelLength }));
  const residentBefore = process.memoryUsage.rss();
  const model = await load(inputs);
  try {
    // A head that does not fit the task is found before anything is written.
    await inputs.task.score(model, examples.slice(0, 1), { signal: options.signal });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { config, inputs, examples, warnings, model, residentBefore, options };
};

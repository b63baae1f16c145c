import { ZestError } from '../errors.ts';
import type { EvaluationEvent } from '../runs/events.ts';
import { loadExperiment, loadModel } from './inputs.ts';
import { findRun, type OpenRunOptions } from './open-run.ts';
import { scoreSplit } from './score-split.ts';

export type EvaluateOptions = OpenRunOptions;

/**
 * Scores the model of a configuration as it came, or the weights that a run kept, on data.validation and data.test.
 * `path` is a configuration file or the folder of a run. Yields each split as it is done.
 *
 * Throws ERR_ZEST_CONFIG, also where the configuration names neither split; ERR_ZEST_RUN for a folder that is no run;
 * what loading the model, the task and the data throws.
 */
export async function* evaluate(path: string, options: EvaluateOptions = {}): AsyncGenerator<EvaluationEvent, void> {
  const { overrides, signal, onProgress } = options;
  const { file, config, kept } = await findRun(path, overrides);
  if (config.data.validation === undefined && config.data.test === undefined) {
    throw new ZestError('ERR_ZEST_CONFIG', `${file}: evaluating needs data.validation or data.test`);
  }
  const experiment = await loadExperiment(config, kept?.folder);
  const model = await loadModel(config, experiment.tokenizer, { signal, onProgress }, kept?.folder);
  try {
    for (const split of ['validation', 'test'] as const) {
      if (experiment[split].length === 0) continue;
      const score = await scoreSplit(experiment, model, split, { signal, onProgress });
      yield { kind: 'evaluation', split, step: kept?.step ?? 0, ...score };
    }
  } finally {
    model.dispose();
  }
}

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import type { EvaluationEvent, Progress, Summary } from './events.ts';
import { loadExperiment, loadModel } from './experiment.ts';
import { runFolder } from './run-folder.ts';
import { scoreSplit } from './score-split.ts';

export interface EvaluateOptions extends CallOptions {
  /** Overrides of the configuration, each key.path=value. */
  overrides?: readonly string[];
  onProgress?: (progress: Progress) => void;
}

/** The checkpoint that a run kept, with the steps that its weights have seen. Throws ERR_ZEST_RUN if the run did not get to its end. */
export const keptCheckpoint = async (path: string): Promise<{ folder: string; step: number }> => {
  const run = runFolder(path);
  let summary: Summary;
  try {
    summary = JSON.parse(await readFile(run.summary, 'utf8'));
  } catch (cause) {
    throw new ZestError(
      'ERR_ZEST_RUN',
      `${path} is not the folder of a run that has ended: it has no good summary.json`,
      {
        cause,
      },
    );
  }
  return { folder: join(run.checkpoints, summary.kept.name), step: summary.kept.step };
};

/**
 * Scores the model of a configuration as it came, or the weights that a run kept, on data.validation and data.test.
 * `path` is a configuration file or the folder of a run. Yields each split as it is done.
 *
 * Throws ERR_ZEST_CONFIG, also where the configuration names neither split; ERR_ZEST_RUN for a folder that is no run;
 * what loading the model, the task and the data throws.
 */
export async function* evaluate(path: string, options: EvaluateOptions = {}): AsyncGenerator<EvaluationEvent, void> {
  const { overrides, signal, onProgress } = options;
  const { readConfig } = await import('./config.ts');
  const isRun = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const kept = isRun ? await keptCheckpoint(path) : undefined;
  const file = isRun ? runFolder(path).config : path;
  const config = await readConfig(file, overrides);
  if (config.data.validation === undefined && config.data.test === undefined) {
    throw new ZestError('ERR_ZEST_CONFIG', `${file}: evaluating needs data.validation or data.test`);
  }
  const experiment = await loadExperiment(config);
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

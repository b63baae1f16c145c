import { ZestError } from '../errors.ts';
import { assertPath } from '../options/calls.ts';
import type { EvaluationEvent, ExaminationEvent, TrainOptions } from '../runs/events.ts';
import type { Examination, Score, ScoreOptions, Scorer, Writer } from '../tasks/task.ts';
import { cutOfScored } from './data-warnings.ts';
import { loadInputs, loadModel, type RunInputs } from './inputs.ts';
import { findRun, type OpenRunOptions, openRunOptions } from './open-run.ts';
import type { ResolvedConfig } from './schema.ts';

/** Examines a model on the validation or the test examples. */
export const examineSplit = (
  { task, ...examples }: RunInputs,
  model: Scorer & Writer,
  split: EvaluationEvent['split'],
  { signal, onProgress, onExample }: Pick<TrainOptions, 'signal' | 'onProgress'> & Pick<ScoreOptions, 'onExample'>,
): Promise<Examination> =>
  task.examine(model, examples[split], {
    signal,
    onExample,
    onProgress: (done, total) => onProgress?.({ stage: split, done, total }),
  });

/** Scores a model on the validation or the test examples. */
export const scoreSplit = async (
  inputs: RunInputs,
  model: Scorer & Writer,
  split: EvaluationEvent['split'],
  options: TrainOptions,
): Promise<Score> => (await examineSplit(inputs, model, split, options)).score;

/** Examines a checkpoint on the test examples. */
export const testCheckpoint = async (
  config: ResolvedConfig,
  inputs: RunInputs,
  checkpoint: string,
  options: TrainOptions & Pick<ScoreOptions, 'onExample'>,
): Promise<Examination> => {
  const model = await loadModel(config, inputs.tokenizer, options, checkpoint);
  try {
    return await examineSplit(inputs, model, 'test', options);
  } finally {
    model.dispose();
  }
};

/** Options of {@link evaluate}. */
export type EvaluateOptions = OpenRunOptions;

/**
 * Scores the model of a configuration as it came, or the weights that a run kept, on data.validation and data.test.
 * `path` is a configuration file or the folder of a run. Yields each split as it is done, with a report: precision, recall
 * and F1 of each class, which labels are taken for which, calibration, and the examples of the highest loss.
 *
 * @example
 * import { evaluate } from 'node-zest';
 * for await (const { split, accuracy, loss, report } of evaluate('runs/film')) {
 *   console.log(split, accuracy, loss, report.classes, report.worst[0]);
 * }
 *
 * @throws ERR_ZEST_CONFIG, also where the configuration names neither split; ERR_ZEST_RUN for a folder that is no run;
 * what loading the model, the task and the data throws
 */
export async function* evaluate(path: string, options?: EvaluateOptions): AsyncGenerator<ExaminationEvent, void> {
  assertPath(path, 'path');
  const { overrides, signal, onProgress, onWarning } = openRunOptions(options);
  const { file, config, kept, warnings } = await findRun(path, overrides);
  if (config.data.validation === undefined && config.data.test === undefined) {
    throw new ZestError('ERR_ZEST_CONFIG', `${file}: evaluating needs data.validation or data.test`);
  }
  for (const warning of warnings) onWarning?.(warning);
  const inputs = await loadInputs(config, kept?.folder, onWarning);
  const scored = [...inputs.validation, ...inputs.test];
  const cut = cutOfScored(inputs.task, scored, config.training.maxLength);
  if (cut !== undefined) onWarning?.(cut);
  const model = await loadModel(config, inputs.tokenizer, { signal, onProgress }, kept?.folder);
  try {
    for (const split of ['validation', 'test'] as const) {
      if (inputs[split].length === 0) continue;
      const { score, report } = await examineSplit(inputs, model, split, { signal, onProgress });
      yield { kind: 'evaluation', split, step: kept?.step ?? 0, ...score, report };
    }
  } finally {
    model.dispose();
  }
}

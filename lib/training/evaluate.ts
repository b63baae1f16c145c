import { disposeAfter } from '../closing.ts';
import { ZestError } from '../errors.ts';
import { assertPath, given, optionsOf } from '../options/calls.ts';
import type { EvaluationEvent, ExaminationEvent, TrainOptions } from '../runs/events.ts';
import type { TaskSpec } from '../tasks/kinds.ts';
import type { Examination, Score, ScoreOptions, Scorer, Writer } from '../tasks/task.ts';
import { resolveConfig } from './config.ts';
import { cutOfScored } from './data-warnings.ts';
import { loadInputs, loadModel, type RunInputs } from './inputs.ts';
import { findRun, newHeadWarnings, type OpenRunOptions, openRunOptions, type RunSource } from './open-run.ts';
import { readDemonstrations } from './read-data.ts';
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
  return disposeAfter(model, () => examineSplit(inputs, model, 'test', options));
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
  const inputs = await loadInputs(config, { checkpoint: kept?.folder, warn: onWarning, signal });
  yield* examineInputs({ config, inputs, kept }, { signal, onProgress, onWarning });
}

/** What is scored: the weights that a run kept, or the model of a configuration as it came. */
type Scored = Pick<RunSource, 'config' | 'kept'> & { inputs: RunInputs };

async function* examineInputs(
  { config, inputs, kept }: Scored,
  { signal, onProgress, onWarning }: EvaluateOptions,
): AsyncGenerator<ExaminationEvent, void> {
  const { task, tokenizer, validation, test } = inputs;
  const cut = cutOfScored(task, [...validation, ...test], config.training.maxLength, tokenizer.maxLength);
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

/** Options of {@link evaluateModel}. */
export interface EvaluateModelOptions extends EvaluateOptions {
  /** Name of a built-in task, or a task of one's own. */
  task: string | TaskSpec;
  /** Examples to score: a file, a folder, a glob or hf://datasets/…, or a list of them. */
  data: string | string[];
  /** Number of examples that stand with their answers before every prompt. Default 0, zero-shot. */
  demonstrations?: number;
  /** What those are drawn from, by data.seed. Default: `data`, and those that are shown are not scored. */
  demonstrationsFrom?: string | string[];
}

const evaluateModelOptions = optionsOf<EvaluateModelOptions>({
  signal: given,
  overrides: given,
  onProgress: given,
  onWarning: given,
  task: given,
  data: given,
  demonstrations: given,
  demonstrationsFrom: given,
});

/** As far as the model goes: demonstrations take room, and nothing is trained here. */
const MAX_LENGTH = 2 ** 20;

/**
 * Scores a model as it came on a task, without a configuration: zero-shot, or few-shot with `demonstrations`. Yields one
 * evaluation, of the split `test`, with the report of {@link evaluate}. Texts are as long as the model takes, and
 * `overrides` are of the keys of a configuration: `device=cpu`, `training.maxLength=512`, `data.columns.sentence=text`.
 *
 * @example
 * import { evaluateModel } from 'node-zest';
 * for await (const { accuracy, loss, count } of evaluateModel('film-roberta-mini', { task: 'sst2', data: 'test.jsonl' })) {
 *   console.log(accuracy, loss, count);
 * }
 *
 * @throws ERR_ZEST_CONFIG for an option at fault, ERR_ZEST_SHOTS if there are too few examples to show,
 * ERR_ZEST_UNSUPPORTED for demonstrations of a task that shows none; what loading the model, the task and the data throws
 */
export async function* evaluateModel(
  model: string,
  options: EvaluateModelOptions,
): AsyncGenerator<ExaminationEvent, void> {
  assertPath(model, 'model');
  const { task, data, demonstrations, demonstrationsFrom, ...rest } = evaluateModelOptions(options);
  const { overrides, ...calls } = openRunOptions(rest);
  const shown = demonstrations === 0 ? undefined : demonstrations;
  const config = resolveConfig(
    {
      model,
      task,
      data: { train: demonstrationsFrom ?? data, test: data, demonstrations: shown },
      // Nothing is trained, nor written.
      optimizer: { method: 'mezo', learningRate: 1 },
      training: { maxLength: MAX_LENGTH },
      output: '.',
    },
    overrides,
  );
  for (const warning of await newHeadWarnings(config)) calls.onWarning?.(warning);
  const inputs = await loadInputs(config, { warn: calls.onWarning, signal: calls.signal });
  if (shown !== undefined && demonstrationsFrom === undefined) {
    const demonstrations = await readDemonstrations(config.data, inputs.answers, { signal: calls.signal });
    const known = new Set(demonstrations.map(({ source }) => source));
    inputs.test = inputs.test.filter(({ source }) => !known.has(source));
  }
  yield* examineInputs({ config, inputs }, calls);
}

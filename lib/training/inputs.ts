import { fileRows } from '../data/read-rows.ts';
import { dataError, type Row } from '../data/rows.ts';
import { Model } from '../model/model.ts';
import type { TrainOptions, Warning } from '../runs/events.ts';
import type { LoadedTask } from '../tasks/kinds.ts';
import { loadTask } from '../tasks/load.ts';
import type { Example, Task } from '../tasks/task.ts';
import { assertVocabulary, Tokenizer } from '../tasks/tokenizer.ts';
import { leftOutWarning } from './data-warnings.ts';
import type { ResolvedConfig } from './schema.ts';

/** What a configuration names, in memory, beside the model. */
export interface RunInputs {
  tokenizer: Tokenizer;
  task: Task;
  /** Empty without data.validation. */
  validation: Example[];
  /** Empty without data.test. */
  test: Example[];
}

/** Hears of what is odd about the data. */
export type Warn = (warning: Warning) => void;

/** Rows that are looked at where none is whole. */
const SHOWN = 100;

/** Reads the examples of a file; rows that lack a field or the answer are left out, and told of. */
const readExamples = async (file: string, { columns }: ResolvedConfig['data'], task: Task, warn: Warn = () => {}) => {
  const examples: Example[] = [];
  const lacking: Row[] = [];
  let leftOut = 0;
  for await (const rows of fileRows(file, { columns })) {
    for (const row of rows) {
      if (task.lacking(row) === undefined) examples.push(task.example(row));
      else if (leftOut++ < SHOWN) lacking.push(row);
    }
  }
  const [first] = lacking.map((row) => `${row.file}:${row.line} has no ${JSON.stringify(task.lacking(row))}`);
  if (examples.length === 0) {
    task.checkColumns(lacking);
    throw dataError(file, `has no whole row of ${leftOut}: ${first}`);
  }
  if (first !== undefined) warn(leftOutWarning(file, { leftOut, of: examples.length + leftOut, first }));
  return examples;
};

/** Reads data.train, apart from what of it is held out as validation data. */
const readTrain = async (
  data: ResolvedConfig['data'],
  task: Task,
  warn?: Warn,
): Promise<{ rest: Example[]; heldOut: Example[] }> => {
  const { train, validation: share, seed } = data;
  const examples = await readExamples(train, data, task, warn);
  if (typeof share !== 'number') return { rest: examples, heldOut: [] };
  const parts = task.holdOut(examples, { share, seed });
  if (parts.heldOut.length > 0 && parts.rest.length > 0) return parts;
  throw dataError(
    train,
    `has ${examples.length} examples, of which data.validation ${share} holds out ${parts.heldOut.length}; expected some on both sides`,
  );
};

/** Loads the tokenizer and the task of a configuration, or of a checkpoint of its run. */
export const loadTokenizedTask = async (
  { model, task: spec, training }: ResolvedConfig,
  checkpoint?: string,
): Promise<{ tokenizer: Tokenizer; task: LoadedTask }> => {
  const tokenizer = await Tokenizer.load(checkpoint ?? model);
  return { tokenizer, task: await loadTask(spec, tokenizer, { maxLength: training.maxLength }) };
};

/** Loads the tokenizer, the task and the data to evaluate on. */
export const loadInputs = async (config: ResolvedConfig, checkpoint?: string, warn?: Warn): Promise<RunInputs> => {
  const { data } = config;
  const { tokenizer, task } = await loadTokenizedTask(config, checkpoint);
  const read = async (file: string | undefined) =>
    file === undefined ? [] : await readExamples(file, data, task, warn);
  const validation =
    typeof data.validation === 'number' ? (await readTrain(data, task)).heldOut : await read(data.validation);
  return { tokenizer, task, validation, test: await read(data.test) };
};

/** Reads the training examples: all or `data.shots` a class, then with `data.labelNoise`. */
export const loadTrainingExamples = async ({ data }: ResolvedConfig, task: Task, warn?: Warn): Promise<Example[]> => {
  const { shots, labelNoise, seed } = data;
  return task.sample((await readTrain(data, task, warn)).rest, { shots, labelNoise, seed });
};

/**
 * Loads the configured model with what is trained of it, or a checkpoint of a run, to be scored: that has the head and
 * the adapter of the run within.
 */
export const loadModel = async (
  { model: base, device, dtype, trainable, head }: ResolvedConfig,
  tokenizer: Tokenizer,
  { signal, onProgress }: Omit<TrainOptions, 'overwrite'>,
  checkpoint?: string,
): Promise<Model> => {
  const model = await Model.load(checkpoint ?? base, {
    device,
    dtype,
    ...(checkpoint === undefined && { trainable, head }),
    signal,
    onProgress: (done: number, total: number) => onProgress?.({ stage: 'load', done, total }),
  });
  try {
    assertVocabulary(tokenizer, model.vocabularySize);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
};

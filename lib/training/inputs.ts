import { fileRows } from '../data/read-rows.ts';
import { dataError, type Row } from '../data/rows.ts';
import { rangeError, ZestError } from '../errors.ts';
import { labelsOf } from '../model/labels.ts';
import { Model } from '../model/model.ts';
import { adaptedSource } from '../model/peft.ts';
import { readSourceConfig } from '../model/source.ts';
import type { TrainOptions, Warning } from '../runs/events.ts';
import type { LoadedTask, TaskSpec } from '../tasks/kinds.ts';
import { loadTask, taskSpec } from '../tasks/load.ts';
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

/**
 * A classification that names no labels, with those that the checkpoint's head has.
 *
 * @throws ERR_ZEST_OPTION for a task of other classes
 */
const withLabels = (spec: TaskSpec, labels: string[] | undefined): TaskSpec => {
  if (spec.kind !== 'class' || labels === undefined) return spec;
  if (labels.length === spec.classes) return { ...spec, labels: spec.labels ?? labels };
  throw rangeError(
    'ERR_ZEST_OPTION',
    `task.classes is ${spec.classes}, and the checkpoint's head has ${labels.length}: ${labels.join(', ')}; put a new one on with head: { classes: ${spec.classes} }`,
  );
};

/**
 * Checks that the head that a configuration asks for answers its task.
 *
 * @throws ERR_ZEST_TARGET
 */
const checkHead = ({ kind = 'labelWords' }: TaskSpec, head: ResolvedConfig['head']): void => {
  if (kind === 'labelWords' && typeof head === 'object') {
    throw new ZestError(
      'ERR_ZEST_TARGET',
      `head is {classes: ${head.classes}}, and the task has label words, which a language model answers with; leave head out, or take a task of kind class`,
    );
  }
  if (kind === 'class' && head === 'languageModel') {
    throw new ZestError(
      'ERR_ZEST_TARGET',
      'head is languageModel, and the task is of kind class; expected {classes}, or no head for that of the checkpoint',
    );
  }
};

/** Loads the tokenizer and the task of a configuration, or of a checkpoint of its run. */
export const loadTokenizedTask = async (
  { model, task: spec, training, head, adapter }: ResolvedConfig,
  checkpoint?: string,
): Promise<{ tokenizer: Tokenizer; task: LoadedTask }> => {
  // First, so that a folder of no model, or of one that is not known, is told as such and not by its tokenizer.
  const source = await adaptedSource(checkpoint ?? model, checkpoint === undefined ? adapter : undefined);
  const { json } = await readSourceConfig(source.base);
  const tokenizer = await Tokenizer.load(checkpoint ?? model);
  if (checkpoint === undefined) checkHead(taskSpec(spec), head);
  const isNew = checkpoint === undefined && head !== undefined;
  const named = withLabels(taskSpec(spec), isNew ? undefined : (source.labels ?? labelsOf(json)));
  return { tokenizer, task: await loadTask(named, tokenizer, { maxLength: training.maxLength }) };
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
 * Loads the configured model with what is trained of it, or a checkpoint of a run: that has the head and the adapter of
 * the run within. It is to be scored, or with `isTrained` to be trained on.
 */
export const loadModel = async (
  { model: base, device, dtype, trainable, head, adapter, task }: ResolvedConfig,
  tokenizer: Tokenizer,
  { signal, onProgress }: Pick<TrainOptions, 'signal' | 'onProgress'>,
  checkpoint?: string,
  { isTrained = false } = {},
): Promise<Model> => {
  const spec = taskSpec(task);
  const model = await Model.load(checkpoint ?? base, {
    device,
    dtype,
    ...(checkpoint === undefined ? { trainable, head, adapter } : isTrained && { trainable }),
    labels: spec.kind === 'class' ? spec.labels : undefined,
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

import { rangeError, ZestError } from '../errors.ts';
import { labelsOf } from '../model/labels.ts';
import { Model } from '../model/model.ts';
import { adaptedSource } from '../model/peft.ts';
import { readSourceConfig } from '../model/source.ts';
import type { TrainOptions } from '../runs/events.ts';
import type { LoadedTask, TaskSpec } from '../tasks/kinds.ts';
import { loadTask, taskSpec } from '../tasks/load.ts';
import type { Example, Task } from '../tasks/task.ts';
import { assertVocabulary, Tokenizer } from '../tasks/tokenizer.ts';
import { readSplit, readTraining, type Warn } from './read-data.ts';
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
  const source = await adaptedSource(checkpoint ?? model, checkpoint === undefined ? adapter : undefined, 'tokenizer');
  const { json } = await readSourceConfig(source.base);
  const tokenizer = await Tokenizer.load(checkpoint ?? model);
  if (checkpoint === undefined) checkHead(taskSpec(spec), head);
  const isNew = checkpoint === undefined && head !== undefined;
  const named = withLabels(taskSpec(spec), isNew ? undefined : (source.labels ?? labelsOf(json)));
  return { tokenizer, task: await loadTask(named, tokenizer, { maxLength: training.maxLength }) };
};

/** Loads the tokenizer, the task and the data to evaluate on, or those splits of them that are asked for. */
export const loadInputs = async (
  config: ResolvedConfig,
  checkpoint?: string,
  warn?: Warn,
  splits: readonly ('validation' | 'test')[] = ['validation', 'test'],
): Promise<RunInputs> => {
  const { data } = config;
  const { tokenizer, task } = await loadTokenizedTask(config, checkpoint);
  const inputs: RunInputs = { tokenizer, task, validation: [], test: [] };
  for (const split of splits) inputs[split] = await readSplit(split, data, task, warn);
  return inputs;
};

/** Reads the training examples: all or `data.shots` a class, then with `data.labelNoise`. */
export const loadTrainingExamples = ({ data }: ResolvedConfig, task: Task, warn?: Warn): Promise<Example[]> =>
  readTraining(data, task, warn);

/**
 * Loads the configured model with what is trained of it, or a checkpoint of a run, to be scored: that has the head and
 * the adapter of the run within.
 */
export const loadModel = async (
  { model: base, device, dtype, trainable, head, adapter, task }: ResolvedConfig,
  tokenizer: Tokenizer,
  { signal, onProgress }: Omit<TrainOptions, 'overwrite'>,
  checkpoint?: string,
): Promise<Model> => {
  const spec = taskSpec(task);
  const model = await Model.load(checkpoint ?? base, {
    device,
    dtype,
    ...(checkpoint === undefined && { trainable, head, adapter }),
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

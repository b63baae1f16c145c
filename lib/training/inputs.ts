import { readRows } from '../data/rows.ts';
import { rangeError } from '../errors.ts';
import { labelsOf } from '../model/labels.ts';
import { Model } from '../model/model.ts';
import { adaptedSource } from '../model/peft.ts';
import { readSourceConfig } from '../model/source.ts';
import type { TrainOptions } from '../runs/events.ts';
import type { LoadedTask, TaskSpec } from '../tasks/kinds.ts';
import { loadTask, taskSpec } from '../tasks/load.ts';
import type { Example, Task } from '../tasks/task.ts';
import { assertVocabulary, Tokenizer } from '../tasks/tokenizer.ts';
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

const readExamples = async (file: string | undefined, task: Task): Promise<Example[]> =>
  file === undefined ? [] : task.examples(await readRows(file));

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

/** Loads the tokenizer and the task of a configuration, or of a checkpoint of its run. */
export const loadTokenizedTask = async (
  { model, task: spec, training, head, adapter }: ResolvedConfig,
  checkpoint?: string,
): Promise<{ tokenizer: Tokenizer; task: LoadedTask }> => {
  // First, so that a folder of no model, or of one that is not known, is told as such and not by its tokenizer.
  const source = await adaptedSource(checkpoint ?? model, checkpoint === undefined ? adapter : undefined);
  const { json } = await readSourceConfig(source.base);
  const tokenizer = await Tokenizer.load(checkpoint ?? model);
  const isNew = checkpoint === undefined && head !== undefined;
  const named = withLabels(taskSpec(spec), isNew ? undefined : (source.labels ?? labelsOf(json)));
  return { tokenizer, task: await loadTask(named, tokenizer, { maxLength: training.maxLength }) };
};

/** Loads the tokenizer, the task and the data to evaluate on. */
export const loadInputs = async (config: ResolvedConfig, checkpoint?: string): Promise<RunInputs> => {
  const { tokenizer, task } = await loadTokenizedTask(config, checkpoint);
  const validation = await readExamples(config.data.validation, task);
  return { tokenizer, task, validation, test: await readExamples(config.data.test, task) };
};

/** Reads the training examples: all or `data.shots` a class, then with `data.labelNoise`. */
export const loadTrainingExamples = async ({ data }: ResolvedConfig, task: Task): Promise<Example[]> => {
  const { train, shots, labelNoise, seed } = data;
  return task.sample(await readExamples(train, task), { shots, labelNoise, seed });
};

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

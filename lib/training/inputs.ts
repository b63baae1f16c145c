import { disposeOnError } from '../closing.ts';
import { rangeError, ZestError } from '../errors.ts';
import type { ProblemType } from '../model/head.ts';
import { labelsOf } from '../model/labels.ts';
import { Model } from '../model/model.ts';
import { adaptedSource } from '../model/peft.ts';
import { readSourceConfig } from '../model/source.ts';
import type { CallOptions } from '../objective.ts';
import { assertMetric, type MetricChoice } from '../objectives/metric.ts';
import type { Reward } from '../objectives/reward.ts';
import { rewardedTask } from '../objectives/rewarded-task.ts';
import type { TrainOptions } from '../runs/events.ts';
import type { TaskSpec } from '../tasks/kinds.ts';
import { loadTask, taskDefinition } from '../tasks/load.ts';
import type { Example, Task } from '../tasks/task.ts';
import { assertVocabulary, Tokenizer } from '../tasks/tokenizer.ts';
import { listed } from '../text/show.ts';
import { configuredReward, decodingOf } from './objective.ts';
import { readDemonstrations, readSplit, type Warn } from './read-data.ts';
import type { ResolvedConfig } from './schema.ts';

/** What a configuration names, in memory, beside the model. */
export interface RunInputs {
  tokenizer: Tokenizer;
  /** Task that the run is judged by. */
  task: Task;
  /** Task that the model answers, and the reward of its answers. */
  answers: Task;
  reward?: Reward;
  /** Empty without data.validation. */
  validation: Example[];
  /** Empty without data.test. */
  test: Example[];
}

/** What stands behind a demonstration, as MeZO has it. */
const SEPARATOR = '\n\n';

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
    `task.classes is ${spec.classes}, and the checkpoint's head has ${labels.length}: ${listed(labels)}; put a new one on with head: { classes: ${spec.classes} }`,
  );
};

/**
 * Checks that the head that a configuration asks for answers its task.
 *
 * @throws ERR_ZEST_TARGET
 */
const checkHead = ({ kind = 'labelWords' }: TaskSpec, head: ResolvedConfig['head']): void => {
  if ((kind === 'choice' || kind === 'generate') && typeof head === 'object') {
    throw new ZestError(
      'ERR_ZEST_TARGET',
      `head is {classes: ${head.classes}}, and the task is of kind ${kind}, which a language model answers; leave head out, or take a task of kind class`,
    );
  }
  if (kind === 'labelWords' && typeof head === 'object') {
    throw new ZestError(
      'ERR_ZEST_TARGET',
      `head is {classes: ${head.classes}}, and the task has label words, which a language model answers with; leave head out, or take a task of kind class`,
    );
  }
  if (kind === 'regression' && typeof head === 'object' && head.classes !== 1) {
    throw new ZestError(
      'ERR_ZEST_TARGET',
      `head is {classes: ${head.classes}}, and the task is of kind regression, which has one output; expected {classes: 1}`,
    );
  }
  if (PROBLEM_TYPES[kind] !== undefined && head === 'languageModel') {
    throw new ZestError(
      'ERR_ZEST_TARGET',
      `head is languageModel, and the task is of kind ${kind}; expected {classes}, or no head for that of the checkpoint`,
    );
  }
};

/** Loads the tokenizer and the task of a configuration, or of a checkpoint of its run. */
export const loadTokenizedTask = async (
  { model, task, data, training, head, adapter }: ResolvedConfig,
  { checkpoint, signal }: CallOptions & { checkpoint?: string | undefined } = {},
): Promise<{ tokenizer: Tokenizer; task: Task }> => {
  // First, so that a folder of no model, or of one that is not known, is told as such and not by its tokenizer.
  const own = checkpoint === undefined ? adapter : undefined;
  const source = await adaptedSource(checkpoint ?? model, own, 'tokenizer', signal);
  const { json } = await readSourceConfig(source.base);
  const tokenizer = await Tokenizer.load(checkpoint ?? model, { signal });
  const { spec } = taskDefinition(task, tokenizer);
  if (checkpoint === undefined) checkHead(spec, head);
  const isNew = checkpoint === undefined && head !== undefined;
  const named = withLabels(spec, isNew ? undefined : (source.labels ?? labelsOf(json)));
  const { maxLength, startToken } = training;
  const loaded: Task = await loadTask(typeof task === 'string' ? task : named, tokenizer, { maxLength, startToken });
  if (data.demonstrations !== undefined) {
    loaded.demonstrate(await readDemonstrations(data, loaded, { signal }), data.separator ?? SEPARATOR);
  }
  return { tokenizer, task: loaded };
};

/**
 * Loads the reward, the tokenizer, the task and the data to evaluate on: `splits`, both if nothing is said. The tokenizer
 * and the labels are those of `checkpoint`, default the configuration's model.
 */
export const loadInputs = async (
  config: ResolvedConfig,
  {
    checkpoint,
    warn,
    splits = ['validation', 'test'],
    signal,
  }: CallOptions & {
    checkpoint?: string | undefined;
    warn?: Warn | undefined;
    splits?: readonly ('validation' | 'test')[];
  } = {},
): Promise<RunInputs> => {
  const { data, objective = {} } = config;
  const reward = await configuredReward(config);
  const { tokenizer, task: answers } = await loadTokenizedTask(config, { checkpoint, signal });
  const task = reward
    ? rewardedTask(answers, reward, { onError: objective.onError, ...decodingOf(objective) })
    : answers;
  if (objective.metric !== undefined) assertMetric(objective.metric as MetricChoice, task);
  const inputs: RunInputs = { tokenizer, task, answers, reward, validation: [], test: [] };
  for (const split of splits) inputs[split] = await readSplit(split, data, task, { warn, signal });
  return inputs;
};

/** What a new head is of, by the kind of the task; those without a head have none. */
const PROBLEM_TYPES: { readonly [kind in NonNullable<TaskSpec['kind']>]?: ProblemType } = {
  class: 'single_label_classification',
  multiLabel: 'multi_label_classification',
  regression: 'regression',
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
  const { spec } = taskDefinition(task, tokenizer);
  const problemType = PROBLEM_TYPES[spec.kind ?? 'labelWords'];
  const ofTask = typeof head === 'object' ? { problemType, ...head } : head;
  const model = await Model.load(checkpoint ?? base, {
    device,
    dtype,
    ...(checkpoint === undefined ? { trainable, head: ofTask, adapter } : isTrained && { trainable }),
    labels: spec.kind === 'class' || spec.kind === 'multiLabel' ? spec.labels : undefined,
    signal,
    onProgress: (done: number, total: number) => onProgress?.({ stage: 'load', done, total }),
  });
  await disposeOnError(model, () => assertVocabulary(tokenizer, model.vocabularySize));
  return model;
};

import { z } from 'zod';
import { rangeError } from '../errors.ts';
import { assertHas, given, optionsOf, text } from '../options/calls.ts';
import { checkOptions } from '../options/check.ts';
import { show } from '../text/show.ts';
import { BUILT_IN_TASKS } from './built-in.ts';
import { CAUSAL_TASKS } from './built-in-causal.ts';
import type { Derive, TaskKind } from './kind.ts';
import { KINDS, type TaskOf, type TaskSpec, taskSchema } from './kinds.ts';
import type { Metric } from './metrics.ts';
import type { Task } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Options of {@link loadTask}. */
export interface LoadTaskOptions {
  /**
   * Number of tokens that a sequence may have, specials included; longer texts are cut in their longest field. Default:
   * the tokenizer's limit. Never more than the model in the tokenizer's folder takes.
   */
  maxLength?: number;
  /** Token that begins each sequence, in place of those that the tokenizer puts there. Default: these. */
  startToken?: string;
}

const loadOptions = optionsOf<LoadTaskOptions>({ maxLength: given, startToken: text });

const named = z.strictObject({ task: taskSchema });

/** What a task is made of: its spec, and how its fields come of the data's. */
interface TaskDefinition {
  spec: TaskSpec;
  derive?: Derive;
}

/** What a name stands for: for a causal model the task that is written for those, where there is one. */
const builtIn = (name: string, { causal }: Pick<Tokenizer, 'causal'>): TaskDefinition => {
  const own = BUILT_IN_TASKS.get(name);
  const next = CAUSAL_TASKS.get(name);
  if (next !== undefined && (causal || own === undefined)) return next;
  if (own !== undefined) return { spec: own };
  const names = [...new Set([...BUILT_IN_TASKS.keys(), ...CAUSAL_TASKS.keys()])].join(', ');
  throw rangeError(
    'ERR_ZEST_OPTION',
    `task ${JSON.stringify(name)} is not built in; there are ${names}. Others are given as {template, labelWords}`,
  );
};

/**
 * Checks the spec of a task, or gives that of a name for a tokenizer's model, as far as that goes without loading it.
 *
 * @throws ERR_ZEST_OPTION naming the key and what was expected; for an unknown name, the names there are
 */
export const taskDefinition = (nameOrSpec: string | TaskSpec, tokenizer: Pick<Tokenizer, 'causal'>): TaskDefinition => {
  const { spec, derive } = typeof nameOrSpec === 'string' ? builtIn(nameOrSpec, tokenizer) : { spec: nameOrSpec };
  return { spec: checkOptions(named, { task: spec }).task as unknown as TaskSpec, derive };
};

/**
 * Finds the metric that a task is judged by first, of its spec or its name, for whatever model.
 *
 * @throws what {@link taskDefinition} throws
 */
export const firstMetric = (nameOrSpec: string | TaskSpec): Metric => {
  const { spec } = taskDefinition(nameOrSpec, { causal: false });
  return (spec.metrics ?? KINDS[spec.kind ?? 'labelWords'].defaultMetrics)[0] as Metric;
};

/**
 * Makes a task by name (docs/tasks.md lists them) or spec, for a tokenizer's model.
 *
 * @example
 * import { loadTask, Tokenizer } from 'node-zest';
 * const tokenizer = await Tokenizer.load('film-roberta-mini');
 * const spec = { template: '{sentence} . It was {mask} .', labelWords: ['terrible', 'great'] };
 * const task = await loadTask(spec, tokenizer);
 * const { sequences } = task.batch([{ sentence: 'a charming film', label: 1 }]);
 * console.log(tokenizer.decode(sequences[0])); // <s> a charming film . it was<mask> .</s>
 *
 * @throws ERR_ZEST_OPTION, ERR_ZEST_TEMPLATE, ERR_ZEST_LABEL_WORD, ERR_ZEST_TOKENIZER (no mask token, no such
 *   `startToken`), ERR_ZEST_UNSUPPORTED (a choice or a text of an encoder), ERR_ZEST_SEQUENCE_LENGTH (the template alone is
 *   longer than `maxLength`)
 */
export const loadTask = async <const S extends string | TaskSpec>(
  nameOrSpec: S,
  ofModel: Tokenizer,
  options?: LoadTaskOptions,
): Promise<TaskOf<S>> => {
  assertHas(ofModel, 'tokenizer', ['tokenize', 'frame'], 'what Tokenizer.load gives');
  const { startToken, maxLength = ofModel.maxLength } = loadOptions(options);
  const tokenizer = startToken === undefined ? ofModel : ofModel.startingWith(startToken);
  if (maxLength !== undefined && (!Number.isSafeInteger(maxLength) || maxLength < 1)) {
    throw rangeError('ERR_ZEST_OPTION', `maxLength is ${show(maxLength)}; expected a whole number ≥ 1`);
  }
  const { spec, derive } = taskDefinition(nameOrSpec, tokenizer);
  const kind = KINDS[spec.kind ?? 'labelWords'] as TaskKind<TaskSpec, Task>;
  const { modelLength = Number.POSITIVE_INFINITY } = tokenizer;
  const most = Math.min(maxLength ?? modelLength, modelLength);
  return (await kind.make(spec, tokenizer, Number.isFinite(most) ? most : undefined, derive)) as unknown as TaskOf<S>;
};

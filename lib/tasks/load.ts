import { z } from 'zod';
import { rangeError } from '../errors.ts';
import { assertHas, given, optionsOf } from '../options/calls.ts';
import { checkOptions } from '../options/check.ts';
import { show } from '../show.ts';
import { BUILT_IN_TASKS } from './built-in.ts';
import type { TaskKind } from './kind.ts';
import { KINDS, type TaskOf, type TaskSpec, taskSchema } from './kinds.ts';
import { DEFAULT_METRICS, type Metric } from './metrics.ts';
import type { Task } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

const loadOptions = optionsOf<{ maxLength?: number }>({ maxLength: given });

const named = z.strictObject({ task: taskSchema });

/**
 * Checks the spec of a task, or gives that of a name, as far as that goes without a tokenizer.
 *
 * @throws ERR_ZEST_OPTION naming the key and what was expected; for an unknown name, the names there are
 */
export const taskSpec = (nameOrSpec: string | TaskSpec): TaskSpec => {
  const spec: unknown = typeof nameOrSpec === 'string' ? BUILT_IN_TASKS.get(nameOrSpec) : nameOrSpec;
  if (spec === undefined && typeof nameOrSpec === 'string') {
    const names = [...BUILT_IN_TASKS.keys()].join(', ');
    throw rangeError(
      'ERR_ZEST_OPTION',
      `task ${JSON.stringify(nameOrSpec)} is not built in; there are ${names}. Others are given as {template, labelWords}`,
    );
  }
  return checkOptions(named, { task: spec }).task as unknown as TaskSpec;
};

/**
 * Finds the metric that a task is judged by first, of its spec or its name.
 *
 * @throws what {@link taskSpec} throws
 */
export const firstMetric = (nameOrSpec: string | TaskSpec): Metric =>
  (taskSpec(nameOrSpec).metrics ?? DEFAULT_METRICS)[0] as Metric;

/**
 * Makes a task by name (docs/tasks.md lists them) or spec, for a tokenizer's model.
 *
 * @param options `maxLength`: tokens that a sequence may have, specials included; longer texts are cut in their longest
 *   field. Default: the tokenizer's limit. Never more than the model in the tokenizer's folder takes
 * @example
 * import { loadTask, Tokenizer } from 'node-zest';
 * const tokenizer = await Tokenizer.load('film-roberta-mini');
 * const spec = { template: '{sentence} . It was {mask} .', labelWords: ['terrible', 'great'] };
 * const task = await loadTask(spec, tokenizer);
 * const { sequences } = task.batch([{ sentence: 'a charming film', label: 1 }]);
 * console.log(tokenizer.decode(sequences[0])); // <s> a charming film . it was<mask> .</s>
 *
 * @throws ERR_ZEST_OPTION, ERR_ZEST_TEMPLATE, ERR_ZEST_LABEL_WORD, ERR_ZEST_TOKENIZER (no mask token),
 *   ERR_ZEST_SEQUENCE_LENGTH (the template alone is longer than `maxLength`)
 */
export const loadTask = async <const S extends string | TaskSpec>(
  nameOrSpec: S,
  tokenizer: Tokenizer,
  options?: { maxLength?: number },
): Promise<TaskOf<S>> => {
  assertHas(tokenizer, 'tokenizer', ['tokenize', 'frame'], 'what Tokenizer.load gives');
  const { maxLength = tokenizer.maxLength } = loadOptions(options);
  if (maxLength !== undefined && (!Number.isSafeInteger(maxLength) || maxLength < 1)) {
    throw rangeError('ERR_ZEST_OPTION', `maxLength is ${show(maxLength)}; expected a whole number ≥ 1`);
  }
  const spec = taskSpec(nameOrSpec);
  const kind = KINDS[spec.kind ?? 'labelWords'] as TaskKind<TaskSpec, Task>;
  const { modelLength = Number.POSITIVE_INFINITY } = tokenizer;
  const most = Math.min(maxLength ?? modelLength, modelLength);
  return (await kind.make(spec, tokenizer, Number.isFinite(most) ? most : undefined)) as unknown as TaskOf<S>;
};

import { rangeError } from '../errors.ts';
import { assertHas, assertList } from '../options/calls.ts';
import { readArgument } from '../options/reading.ts';
import type { Example, ExampleFields, Task } from '../tasks/task.ts';

/** Examples of a task as a step takes them: checked, or plain objects with their fields. */
export type Examples = readonly (Example | ExampleFields)[];

/**
 * Checks that an argument is a task.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertTask = (value: unknown): void =>
  assertHas(value, 'task', ['batch', 'score', 'answers'], 'what loadTask gives');

/**
 * Checks that an argument is a model.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertModel = (value: unknown): void =>
  assertHas(value, 'model', ['evaluate', 'apply', 'logits', 'generate'], 'a Model');

const isChecked = (example: Example | ExampleFields): example is Example =>
  readArgument('example', () => typeof example?.source === 'string' && typeof example.fields === 'object');

/**
 * Checks examples; plain objects need no right answer with `unlabelled`.
 *
 * @throws ERR_ZEST_ARGUMENT, ERR_ZEST_BATCH_EMPTY, or what the task says of an example
 */
export const checkedExamples = <E extends Example>(
  task: Task<E>,
  examples: Examples,
  options?: { unlabelled?: boolean },
): E[] => {
  assertList(examples, 'batch', 'examples of the task');
  if (examples.length === 0)
    throw rangeError('ERR_ZEST_BATCH_EMPTY', 'the batch has no examples; expected at least one');
  return examples.map((example, i) =>
    isChecked(example) ? (example as E) : task.example({ file: 'example', line: i, fields: example }, options),
  );
};

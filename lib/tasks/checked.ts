import { typeError } from '../errors.ts';
import { assertList } from '../options/calls.ts';
import { reading } from '../options/reading.ts';
import { show } from '../text/show.ts';
import type { Example } from './task.ts';

// What the methods of a task are passed that a task has made.

/** Whether a value is what the task has made. */
export const isMade = <T extends object>(value: unknown, of: abstract new (...args: never[]) => T): value is T =>
  reading('example', () => value instanceof of);

/**
 * Checks that a value is what a method of the task gave.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertMade: <T extends object>(
  value: unknown,
  of: abstract new (...args: never[]) => T,
  name: string,
  from: string,
) => asserts value is T = (value, of, name, from) => {
  if (!isMade(value, of))
    throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(value)}; expected what ${from}() of the task gives`);
};

/**
 * Checks that an example which some task has made, this one or another, has the fields and an answer of this one.
 *
 * @param hasAnswer whether its answer, where that is known, is one of this task's
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertFits = (
  example: Example,
  name: string,
  { fields, hasAnswer }: { fields: readonly string[]; hasAnswer: () => boolean },
): void =>
  reading(name, () => {
    const missing = fields.find((field) => !Object.hasOwn(example.fields, field));
    if (missing === undefined && hasAnswer()) return;
    const fault =
      missing === undefined ? 'an answer that this task does not have' : `no field ${JSON.stringify(missing)}`;
    throw typeError(
      'ERR_ZEST_ARGUMENT',
      `${name}, of ${example.source}, has ${fault}: another task has made it; expected what examples() of this task gives`,
    );
  });

/**
 * Checks that a value is a list of rows.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertRows = (value: unknown): void => assertList(value, 'rows', 'rows, as readRows gives them');

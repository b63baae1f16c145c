import { typeError } from '../errors.ts';
import { assertList } from '../options/calls.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';

// What the methods of a task are passed that a task has made.

type Class = abstract new (...args: never[]) => object;

/** Whether a value is what the task has made. */
export const isMade = <T extends object>(value: unknown, of: abstract new (...args: never[]) => T): value is T =>
  readArgument('example', () => value instanceof of);

/**
 * Checks that a value is what a method of the task gave.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertMade = (value: unknown, of: Class, name: string, from: string): void => {
  if (!isMade(value, of))
    throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(value)}; expected what ${from}() of the task gives`);
};

/**
 * Checks that a value is a list of rows.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertRows = (value: unknown): void => assertList(value, 'rows', 'rows, as readRows gives them');

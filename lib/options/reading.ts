import { types } from 'node:util';
import { type ErrorCode, isError, typeError, ZestError } from '../errors.ts';
import { show } from '../text/show.ts';

/**
 * Reads an argument, of which a getter or a proxy may throw: that is an error of the argument then, and what was thrown
 * its cause. No function of the caller's is called within, whose errors are the caller's own.
 *
 * @throws ERR_ZEST_ARGUMENT, or what `read` says of the argument
 */
export const readArgument = <T>(name: string, read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ZestError) throw cause;
    const why = isError(cause) ? cause.message : show(cause);
    throw typeError('ERR_ZEST_ARGUMENT', `${name} is a value that cannot be read (${why}); expected plain values`, {
      cause,
    });
  }
};

/** What {@link checkedList} says of its argument. */
export interface ListOf<T> {
  name: string;
  code: ErrorCode;
  /** What the list is, in words. */
  expected: string;
  /** Checks an entry. */
  each: (entry: unknown, name: string) => T;
}

/** Whether a value is an array, or a typed one, of any realm. */
export const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || types.isTypedArray(value);

const isSized = (value: unknown): value is ArrayLike<unknown> =>
  typeof value === 'object' && value !== null && Number.isSafeInteger((value as ArrayLike<unknown>).length);

/**
 * Copies a list, an array or what is like one. Entries are checked as they are copied, so that a list which only claims
 * to be long is refused at its first entry.
 *
 * @throws the code for what is no list; what `each` throws
 */
export const checkedList = <T>(value: unknown, { name, code, expected, each }: ListOf<T>): T[] =>
  readArgument(name, () => {
    if (!isSized(value) || value.length < 0) throw typeError(code, `${name} is ${show(value)}; expected ${expected}`);
    const list: T[] = [];
    for (let i = 0; i < value.length; i++) list.push(each(value[i], `${name}[${i}]`));
    return list;
  });

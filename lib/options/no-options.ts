import { z } from 'zod';
import { checkOptions } from './check.ts';
import { readArgument } from './reading.ts';

// JavaScript drops what a function has no parameter for. An option given to a call that has none would do nothing.

// biome-ignore lint/suspicious/noExplicitAny: functions of any type.
type AnyFunction = (...values: any[]) => unknown;

const none = z.strictObject({});

/** Refuses an object behind the last parameter of a call. What `map` passes to its function, an index, is let through. */
const assertNone = (surplus: unknown): void =>
  readArgument('options', () => {
    if (typeof surplus === 'object' && surplus !== null && !Array.isArray(surplus)) checkOptions(none, surplus);
  });

/**
 * Makes a function refuse options behind its last parameter, which must have no default for it.
 *
 * @returns a function that throws, or rejects where it is async, ERR_ZEST_OPTION with the option's name
 */
export const withoutOptions = <F extends AnyFunction>(call: F): F => {
  const isAsync = Object.prototype.toString.call(call) === '[object AsyncFunction]';
  function checked(this: unknown, ...values: unknown[]): unknown {
    try {
      assertNone(values[call.length]);
    } catch (error) {
      if (isAsync) return Promise.reject(error);
      throw error;
    }
    return call.apply(this, values);
  }
  const { name, length } = call;
  return Object.defineProperties(checked, { name: { value: name }, length: { value: length } }) as unknown as F;
};

/** Makes the functions of an object refuse such options, all of them or some. */
export const withoutMoreOptions = <O extends object>(of: O, names?: readonly string[]): O => {
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(of))) {
    if (typeof property.value !== 'function' || key === 'constructor' || names?.includes(key) === false) continue;
    Object.defineProperty(of, key, { ...property, value: withoutOptions(property.value) });
  }
  return of;
};

/**
 * Makes the methods of a class refuse such options, the static ones too: all of them, or some where others have fewer
 * parameters than the class above passes.
 */
export const refuseMoreOptions = (of: { readonly prototype: object }, names?: readonly string[]): void => {
  withoutMoreOptions(of, names);
  withoutMoreOptions(of.prototype, names);
};

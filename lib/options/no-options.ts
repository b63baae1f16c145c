import { z } from 'zod';
import { checkOptions } from './check.ts';
import { reading } from './reading.ts';

// JavaScript drops what a function has no parameter for. An option given to a call that has none would do nothing.

// biome-ignore lint/suspicious/noExplicitAny: functions of any type.
type AnyFunction = (...values: any[]) => unknown;

const none = z.strictObject({});

/** Refuses an object behind the last parameter of a call. What `map` passes to its function, an index, is let through. */
const assertNone = (surplus: unknown): void =>
  reading('options', () => {
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

/** Makes all functions of an object refuse such options, itself unchanged otherwise. */
export const withoutMoreOptions = <O extends object>(of: O): O => {
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(of))) {
    if (typeof property.value !== 'function' || key === 'constructor') continue;
    Object.defineProperty(of, key, { ...property, value: withoutOptions(property.value) });
  }
  return of;
};

/** Makes all methods of a class refuse such options, the static ones too. */
export const refuseMoreOptions = (of: { readonly prototype: object }): void => {
  withoutMoreOptions(of);
  withoutMoreOptions(of.prototype);
};

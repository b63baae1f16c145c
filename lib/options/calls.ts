import { z } from 'zod';
import { isSignal } from '../abort.ts';
import { typeError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import { show } from '../text/show.ts';
import { checkOptions, coded } from './check.ts';
import { readArgument } from './reading.ts';

// What programs pass to the calls of the library: options, each described once, and arguments.

/** Any value of a kind, by a test. One that fails is of the wrong kind. */
const kind = <T>(is: (value: unknown) => boolean, expected: string) =>
  z.custom<T>(is, { error: expected, params: { wrongKind: true } });

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** A value that is checked where it is used, with an error of its own. */
export const given = z.unknown().optional();

export const signal = coded(kind<AbortSignal>(isSignal, 'an AbortSignal').optional(), 'ERR_ZEST_ARGUMENT');

/** A bigint that an int64 of the engine holds, from 0n on. */
export const int64 = z.custom<bigint>((value) => typeof value === 'bigint' && value >= 0n && value < 2n ** 63n, {
  error: 'a bigint from 0n and below 2^63',
});

/** The first of some streams. */
export const stream = coded(int64.optional(), 'ERR_ZEST_STREAM');

/** A function that is called of something. */
export const callbackOf = <F extends (...values: never[]) => void>() => kind<F>(isFunction, 'a function').optional();

export const callback = callbackOf();

export const flag = z.boolean().optional();

export const optionalCount = z.int().min(1).optional();

export const text = z.string().optional();

/** Overrides of a configuration, each key.path=value. */
export const overrides = z.array(z.string()).readonly().optional();

type Shape<O extends object> = { readonly [option in keyof Required<O>]: z.ZodType };

/**
 * Makes the check of options that a call cannot do without, which has a schema for each option of their type, so that none
 * other is taken: gives a copy of them.
 */
export const neededOptionsOf = <O extends object>(shape: Shape<O>) => {
  const schema = z.strictObject(shape);
  /** @throws what {@link checkOptions} throws */
  return (options: O, name = 'options'): O => checkOptions(schema, options, name) as O;
};

/** Makes such a check of options that may be absent, which are `{}` then. */
export const optionsOf = <O extends object>(shape: Shape<O>) => {
  const needed = neededOptionsOf(shape);
  /** @throws what {@link checkOptions} throws */
  return (options: O | undefined, name?: string): O => (options === undefined ? ({} as O) : needed(options, name));
};

/** The options of a call that can be stopped, and has no others. */
export const callOptions = optionsOf<CallOptions>({ signal });

/**
 * Checks that an argument is the path of a file or folder.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertPath = (value: unknown, name: string): void => {
  if (typeof value === 'string') return;
  throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(value)}; expected a path`);
};

/**
 * Checks that an argument is a list without holes, and of entries of a kind where `is` says which.
 *
 * @param expected what it is a list of
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertList = (
  value: unknown,
  name: string,
  expected: string,
  is: (entry: unknown) => boolean = (entry) => entry !== undefined,
): void =>
  readArgument(name, () => {
    const wrong = (place: string, found: unknown) =>
      typeError('ERR_ZEST_ARGUMENT', `${place} is ${show(found)}; expected a list of ${expected}`);
    if (!Array.isArray(value)) throw wrong(name, value);
    for (let i = 0; i < value.length; i++) if (!is(value[i])) throw wrong(`${name}[${i}]`, value[i]);
  });

/**
 * Checks that an argument has the functions that are called of it.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertHas = (value: unknown, name: string, functions: readonly string[], expected: string): void => {
  const has = (key: string) => isFunction((value as Record<string, unknown> | null | undefined)?.[key]);
  if (readArgument(name, () => functions.every(has))) return;
  throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(value)}; expected ${expected}`);
};

/**
 * Checks that an argument is an objective.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertObjective = (value: unknown, name = 'objective'): void =>
  assertHas(value, name, ['evaluate', 'apply'], 'a Model, what vectorObjective makes, or another Objective');

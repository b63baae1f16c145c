import { z } from 'zod';
import { typeError } from '../errors.ts';
import { show } from '../show.ts';
import { checkOptions, coded } from './check.ts';

// What programs pass to the calls of the library: options, each described once, and arguments.

/** Any value of a kind, by a test. One that fails is of the wrong kind. */
const kind = <T>(is: (value: unknown) => boolean, expected: string) =>
  z.custom<T>(is, { error: expected, params: { wrongKind: true } });

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** A value that is checked where it is used, with an error of its own. */
export const given = z.unknown().optional();

export const signal = coded(
  kind<AbortSignal>(
    (value) => isFunction((value as AbortSignal | null | undefined)?.throwIfAborted),
    'an AbortSignal',
  ).optional(),
  'ERR_ZEST_ARGUMENT',
);

/** The first of some streams. */
export const stream = coded(
  z
    .custom<bigint>((value) => typeof value === 'bigint' && value >= 0n && value < 2n ** 63n, {
      error: 'a bigint from 0n and below 2^63',
    })
    .optional(),
  'ERR_ZEST_STREAM',
);

export const callback = kind<(...values: never[]) => void>(isFunction, 'a function').optional();

export const flag = z.boolean().optional();

export const count = z.int().min(1).optional();

export const text = z.string().optional();

/** Overrides of a configuration, each key.path=value. */
export const overrides = z.array(z.string()).readonly().optional();

/**
 * Makes the check of a call's options, which has a schema for each option of their type, so that none other is taken:
 * gives them as they are, or `{}` where there are none.
 */
export const optionsOf = <O extends object>(shape: { readonly [option in keyof Required<O>]: z.ZodType }) => {
  const schema = z.strictObject(shape);
  /** @throws what {@link checkOptions} throws */
  return (options: O | undefined, name = 'options'): O => {
    if (options === undefined) return {} as O;
    checkOptions(schema, options, name);
    return options;
  };
};

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
 * Checks that an argument is a list.
 *
 * @param expected what it is a list of
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertList = (value: unknown, name: string, expected: string): void => {
  if (Array.isArray(value)) return;
  throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(value)}; expected a list of ${expected}`);
};

/**
 * Checks that an argument has the functions that are called of it.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertHas = (value: unknown, name: string, functions: readonly string[], expected: string): void => {
  const has = (key: string) => isFunction((value as Record<string, unknown> | null | undefined)?.[key]);
  if (functions.every(has)) return;
  throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(value)}; expected ${expected}`);
};

/**
 * Checks that an argument is an objective.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertObjective = (value: unknown, name = 'objective'): void =>
  assertHas(value, name, ['evaluate', 'apply'], 'a Model, what vectorObjective makes, or another Objective');

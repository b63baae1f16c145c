import { z } from 'zod';
import { type ErrorCode, rangeError, typeError } from '../errors.ts';
import { describeIssues, expectation, type Fault, valueAt } from './messages.ts';
import { readArgument } from './reading.ts';

/** The error codes of options that have one of their own; the others are ERR_ZEST_OPTION. */
const codes = z.registry<{ code: ErrorCode }>();

/** Gives an option's schema the code of the error that a wrong value is. */
export const coded = <S extends z.ZodType>(schema: S, code: ErrorCode): S => {
  codes.add(schema, { code });
  return schema;
};

const codeOf = (schema: z.ZodObject, { path, issue }: Fault): ErrorCode => {
  if (issue.code === 'custom' && issue.params?.code) return issue.params.code;
  const key = String(path[0]);
  const option = Object.hasOwn(schema.shape, key) ? (schema.shape[key] as z.ZodType) : undefined;
  return (option && codes.get(option)?.code) ?? 'ERR_ZEST_OPTION';
};

/** Whether a value is of the wrong kind, rather than out of its range. */
const isWrongKind = ({ issue }: Fault, value: unknown): boolean =>
  issue.code === 'unrecognized_keys' ||
  (issue.code === 'custom' && issue.params?.wrongKind === true) ||
  ((issue.code === 'invalid_type' || issue.code === 'invalid_union') && typeof value !== 'number');

/**
 * Checks the options of a call by the schema that describes them, and fills in the defaults.
 *
 * @throws TypeError for an option that is not known or of the wrong kind, RangeError for a value out of its range; their
 * code is that of the option, or ERR_ZEST_OPTION
 */
export const checkOptions = <S extends z.ZodObject>(schema: S, options: unknown, name = 'options'): z.output<S> =>
  readArgument(name, () => checked(schema, options, name));

/**
 * Checks that an object has no key but some, where its values are checked one by one.
 *
 * @throws TypeError with ERR_ZEST_OPTION, as {@link checkOptions} does
 */
export const assertKnown = (value: object, keys: readonly string[], name: string): void => {
  if (Object.keys(value).every((key) => keys.includes(key))) return;
  const known = z.strictObject(Object.fromEntries(keys.map((key) => [key, z.unknown()])));
  checkOptions(z.strictObject({ [name]: known }), { [name]: value });
};

/** An option that is undefined is absent: it takes the place of no other when the two are put together. */
const withoutUndefined = <T extends object>(options: T): T =>
  Object.values(options).includes(undefined)
    ? (Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T)
    : options;

const checked = <S extends z.ZodObject>(schema: S, options: unknown, name: string): z.output<S> => {
  const result = schema.safeParse(options, { error: expectation });
  if (result.success) return withoutUndefined(result.data);
  const faults = describeIssues(result.error.issues, options, name);
  // A misspelt name is often why another option is missing.
  const fault = (faults.find(({ issue }) => issue.code === 'unrecognized_keys') ?? faults[0]) as Fault;
  const make = isWrongKind(fault, valueAt(options, fault.path)) ? typeError : rangeError;
  throw make(codeOf(schema, fault), fault.message);
};

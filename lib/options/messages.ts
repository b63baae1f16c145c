import type { core } from 'zod';
import { inspected } from '../text/show.ts';
import { nearest } from './nearest.ts';

// What zod finds wrong with options or a configuration, in sentences: "rho is -1; expected a number > 0".

export type Path = readonly PropertyKey[];

export interface Fault {
  path: Path;
  message: string;
  issue: core.$ZodIssue;
}

export const dotted = (path: Path): string => path.map(String).join('.');

/** A value as a message shows it, on one line. */
export const shown = (value: unknown): string => {
  const text = inspected(value, { maxArrayLength: 30, maxStringLength: 60 });
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys and values',
};

const bound = (issue: { origin: string; sign: string; limit: unknown }): string => {
  if (issue.origin === 'string') return 'a string that is not empty';
  if (issue.origin === 'array') return `a list of ${issue.limit} or ${issue.sign === '≥' ? 'more' : 'fewer'} entries`;
  return `a number ${issue.sign} ${issue.limit}`;
};

/** One of some values, and which of them a mistyped one most likely meant. */
const oneOf = (values: readonly unknown[], given: unknown): string => {
  const words = values.map(String);
  const meant = typeof given === 'string' ? nearest(given, words) : undefined;
  return `one of ${words.join(', ')}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
};

/** What an issue of zod says was expected: the `error` to parse with. */
export const expectation = (issue: core.$ZodRawIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.length > 1 ? oneOf(issue.values, issue.input) : String(issue.values[0]);
    case 'too_small':
      return bound({ origin: issue.origin, sign: issue.inclusive ? '≥' : '>', limit: issue.minimum });
    case 'too_big':
      return bound({ origin: issue.origin, sign: issue.inclusive ? '≤' : '<', limit: issue.maximum });
    case 'invalid_union':
      return oneOf(
        ((issue.options ?? []) as unknown[]).filter((option) => option !== undefined),
        (issue.input as Record<string, unknown> | undefined)?.[String(issue.discriminator)],
      );
    case 'unrecognized_keys':
      return Object.keys((issue.inst as unknown as { _zod: { def: { shape: object } } })._zod.def.shape).join(', ');
    default:
      return 'another value';
  }
};

/** The value at a path of what was parsed. */
export const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], root);

/** Keys of an alternative's value that the alternative does not know, and is not close to. */
const foreignKeys = (issues: readonly core.$ZodIssue[]): number =>
  issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0
      ? issue.keys.filter((key) => nearest(key, issue.message.split(', ')) === undefined)
      : [],
  ).length;

/** The issues of the one alternative of a union that the value was meant as, if that is clear. */
const meant = (issue: core.$ZodIssue): core.$ZodIssue[] | undefined => {
  if (issue.code !== 'invalid_union') return undefined;
  const ofKind = issue.errors.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  const close = ofKind.filter((issues) => issues.every(({ path }) => path.length > 0));
  const fewest = Math.min(...ofKind.map(foreignKeys));
  const chosen = close.length ? close : ofKind.filter((issues) => foreignKeys(issues) === fewest);
  return chosen.length === 1
    ? chosen[0]?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
    : undefined;
};

/**
 * Describes issues, one fault a key: `root` is what was parsed, `name` how it is called itself. Of a value of the wrong
 * kind nothing else is said, since zod asks a function how long it is where a string is wanted.
 */
export const describeIssues = (issues: readonly core.$ZodIssue[], root: unknown, name: string): Fault[] => {
  const ofWrongKind = (path: Path) =>
    issues.find((issue) => issue.code === 'invalid_type' && dotted(issue.path) === dotted(path));
  return issues
    .filter((issue) => (ofWrongKind(issue.path) ?? issue) === issue)
    .flatMap((issue) => describeIssue(issue, root, name));
};

const describeIssue = (issue: core.$ZodIssue, root: unknown, name: string): Fault[] => {
  const inner = meant(issue);
  if (inner) return inner.flatMap((one) => describeIssue(one, root, name));
  if (issue.code === 'unrecognized_keys') {
    const allowed = issue.message.split(', ');
    return issue.keys.map((key) => {
      const guess = nearest(key, allowed);
      const path = [...issue.path, key];
      const hint = guess ? ` (did you mean ${guess}?)` : '';
      const expected = issue.message === '' ? 'no options' : `one of ${issue.message}`;
      return { path, issue, message: `${dotted(path)} is not known${hint}; expected ${expected}` };
    });
  }
  const value = valueAt(root, issue.path);
  const found = value === undefined ? 'missing' : shown(value);
  const key = issue.path.length ? dotted(issue.path) : name;
  return [{ path: issue.path, issue, message: `${key} is ${found}; expected ${issue.message}` }];
};

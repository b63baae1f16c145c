import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { Document, isMap, isScalar, LineCounter, parseDocument, type Node as YamlNode } from 'yaml';
import type { core } from 'zod';
import { decodeUtf8 } from '../data/utf8.ts';
import { ZestError } from '../errors.ts';
import { nearest } from './nearest.ts';
import { type Config, configSchema, type ResolvedConfig } from './schema.ts';

type Path = readonly PropertyKey[];

const fail = (message: string, cause?: unknown): never => {
  throw new ZestError('ERR_ZEST_CONFIG', message, { cause });
};

const dotted = (path: Path): string => path.map(String).join('.');

const shown = (value: unknown): string => {
  const text = inspect(value, { breakLength: Number.POSITIVE_INFINITY });
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
  if (issue.origin === 'array') return `a list of ${issue.limit} or more entries`;
  return `a number ${issue.sign} ${issue.limit}`;
};

/** What an issue of zod says was expected. */
const expectation = (issue: core.$ZodRawIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.length > 1 ? `one of ${issue.values.join(', ')}` : String(issue.values[0]);
    case 'too_small':
      return bound({ origin: issue.origin, sign: issue.inclusive ? '≥' : '>', limit: issue.minimum });
    case 'too_big':
      return bound({ origin: issue.origin, sign: issue.inclusive ? '≤' : '<', limit: issue.maximum });
    case 'invalid_union':
      return `one of ${((issue.options ?? []) as unknown[]).filter((option) => option !== undefined).join(', ')}`;
    case 'unrecognized_keys':
      return Object.keys((issue.inst as unknown as { _zod: { def: { shape: object } } })._zod.def.shape).join(', ');
    default:
      return 'another value';
  }
};

const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], root);

/** The issues of the one alternative of a union that the value was meant as, if that is clear. */
const meant = (issue: core.$ZodIssue): core.$ZodIssue[] | undefined => {
  if (issue.code !== 'invalid_union') return undefined;
  const ofKind = issue.errors.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  const close = ofKind.filter((issues) => issues.every(({ path }) => path.length > 0));
  const chosen = close.length ? close : ofKind;
  return chosen.length === 1
    ? chosen[0]?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
    : undefined;
};

/** One line an issue: the key's path, what was expected, what was found. */
const describe = (issue: core.$ZodIssue, root: unknown): { path: Path; message: string }[] => {
  const inner = meant(issue);
  if (inner) return inner.flatMap((one) => describe(one, root));
  if (issue.code === 'unrecognized_keys') {
    const allowed = issue.message.split(', ');
    return issue.keys.map((key) => {
      const guess = nearest(key, allowed);
      const path = [...issue.path, key];
      const hint = guess ? ` (did you mean ${guess}?)` : '';
      return { path, message: `${dotted(path)}: unknown key${hint}; allowed here: ${issue.message}` };
    });
  }
  const value = valueAt(root, issue.path);
  const found = value === undefined ? 'is missing' : `got ${shown(value)}`;
  const name = issue.path.length ? dotted(issue.path) : 'the configuration';
  return [{ path: issue.path, message: `${name}: expected ${issue.message}, ${found}` }];
};

/** Rules that concern several keys. */
const conflicts = (config: ResolvedConfig): { path: Path; message: string }[] => {
  const { optimizer, training, data } = config;
  const found: { path: Path; message: string }[] = [];
  const report = (path: Path, message: string) => found.push({ path, message: `${dotted(path)}: ${message}` });
  if (optimizer.method === 'zest' && optimizer.sides === 'one') {
    if (optimizer.estimator !== 'naive') {
      report(['optimizer', 'estimator'], `expected naive with sides one, got ${optimizer.estimator}`);
    }
    if (optimizer.directions < 2) {
      report(['optimizer', 'directions'], `expected at least 2 with sides one, got ${optimizer.directions}`);
    }
  }
  if (optimizer.schedule !== 'constant' && optimizer.warmupSteps >= training.steps) {
    report(
      ['optimizer', 'warmupSteps'],
      `expected fewer than training.steps (${training.steps}), got ${optimizer.warmupSteps}`,
    );
  }
  if (training.patience !== null && data.validation === undefined) {
    report(['training', 'patience'], 'expected null without data.validation, which decides when to stop');
  }
  return found;
};

/** Checks a configuration and fills in its defaults. `where` says, for a key's path, where it was written. */
const check = (value: unknown, where: (path: Path) => string): ResolvedConfig => {
  const result = configSchema.safeParse(value, { error: expectation });
  const problems = result.success
    ? conflicts(result.data)
    : result.error.issues.flatMap((issue) => describe(issue, value));
  if (problems.length) fail(problems.map(({ path, message }) => `${where(path)}${message}`).join('\n'));
  return result.data as ResolvedConfig;
};

const parse = (source: string, name: string, lines?: LineCounter): Document => {
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const error = document.errors[0] ?? document.warnings[0];
  if (!error) return document;
  const place = lines ? `${name}:${lines.linePos(error.pos[0]).line}` : name;
  return fail(`${place}: ${error.message}`, error);
};

const plain = (document: Document, name: string): unknown => {
  try {
    return document.toJS();
  } catch (cause) {
    return fail(`${name}: ${(cause as Error).message}`, cause);
  }
};

/** Sets a key; a value on the way to it that holds no keys gives way. */
const assign = (document: Document, override: string, option: string): void => {
  const equals = override.indexOf('=');
  const name = `${option} ${override}`;
  if (equals < 1) fail(`${name}: expected key.path=value`);
  const path = override.slice(0, equals).split('.');
  const value = plain(parse(override.slice(equals + 1), name), name);
  const blocked = path.findIndex((_, depth) => depth > 0 && isScalar(document.getIn(path.slice(0, depth), true)));
  try {
    if (blocked > 0) document.setIn(path.slice(0, blocked), document.createNode({}));
    document.setIn(path, document.createNode(value));
  } catch (cause) {
    fail(`${name}: ${(cause as Error).message}`, cause);
  }
};

const depth = (override: string): number => (override.split('=', 1)[0] as string).split('.').length;

/** Sets keys: one before those within it, whatever their order, so that none is lost; of the same key the last counts. */
const assignAll = (document: Document, overrides: readonly string[], option: string): void => {
  const ordered = [...overrides].sort((a, b) => depth(a) - depth(b));
  for (const override of ordered) assign(document, override, option);
};

/**
 * Checks a configuration, with `overrides` of the form key.path=value, and fills in its defaults. Throws
 * ERR_ZEST_CONFIG that names each key at fault.
 */
export const resolveConfig = (config: Config, overrides: readonly string[] = []): ResolvedConfig => {
  if (overrides.length === 0) return check(config, () => '');
  const document = new Document(config);
  assignAll(document, overrides, 'override');
  return check(plain(document, 'the configuration'), () => '');
};

/**
 * Reads a configuration: YAML 1.2 or JSON, with `overrides` of the form key.path=value, each value parsed as YAML.
 * Paths inside are relative to the current directory. `option` is where overrides come from, for errors. Throws
 * ERR_ZEST_CONFIG with file, line, key and what was expected, or if the file cannot be read.
 */
export const readConfig = async (
  file: string,
  overrides: readonly string[] = [],
  option = '--set',
): Promise<ResolvedConfig> => {
  const bytes = await readFile(file).catch((cause: Error) =>
    fail(`cannot read the configuration ${file}: ${cause.message}`, cause),
  );
  const source = decodeUtf8(bytes, file, 'ERR_ZEST_CONFIG');
  const lines = new LineCounter();
  const document = parse(source, file, lines);
  if (!isMap(document.contents)) fail(`${file}: expected keys and values, got ${shown(plain(document, file))}`);
  assignAll(document, overrides, option);
  const where = (path: Path): string => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = document.getIn(path.slice(0, depth), true) as YamlNode | undefined;
      if (node) return node.range ? `${file}:${lines.linePos(node.range[0]).line}: ` : `${option} `;
    }
    return `${file}: `;
  };
  return check(plain(document, file), where);
};

import { readFile } from 'node:fs/promises';
import { Document, isMap, isScalar, LineCounter, type Node as YamlNode } from 'yaml';
import { decodeUtf8 } from '../data/utf8.ts';
import { ZestError } from '../errors.ts';
import { notThere } from '../files/not-there.ts';
import { loadMethod } from '../methods/registry.ts';
import { describeIssues, dotted, expectation, type Fault, type Path, shown } from '../options/messages.ts';
import { readArgument } from '../options/reading.ts';
import { somethingElse } from '../text/what-is.ts';
import { parseYaml, resolveAliases } from '../text/yaml.ts';
import { type Config, configSchema, type ResolvedConfig } from './schema.ts';

const fail = (message: string, cause?: unknown): never => {
  throw new ZestError('ERR_ZEST_CONFIG', message, { cause });
};

/** Rules that concern several keys of more than one part. */
const conflicts = ({
  optimizer,
  training,
  data,
  trainable,
  adapter,
  objective,
}: ResolvedConfig): Pick<Fault, 'path' | 'message'>[] => {
  const found: Pick<Fault, 'path' | 'message'>[] = [];
  const report = (path: Path, message: string) => found.push({ path, message: `${dotted(path)} is ${message}` });
  if (optimizer.schedule !== 'constant' && optimizer.warmupSteps >= training.steps) {
    report(
      ['optimizer', 'warmupSteps'],
      `${optimizer.warmupSteps}; expected fewer than training.steps (${training.steps})`,
    );
  }
  if (training.patience !== null && data.validation === undefined) {
    report(
      ['training', 'patience'],
      `${training.patience}; expected null without data.validation, which decides when to stop`,
    );
  }
  for (const key of ['subset', 'revision'] as const) {
    if (data[key] !== undefined && data.hub === undefined) {
      report(['data', key], `${data[key]}; expected data.hub, which it is of`);
    }
  }
  const { validation, test } = data;
  if (typeof validation === 'number' && typeof test === 'number' && validation + test >= 1) {
    report(['data', 'test'], `${test}; expected less than is left beside data.validation (${validation})`);
  }
  if (objective?.groupTilt !== undefined && data.group === undefined) {
    report(
      ['objective', 'groupTilt'],
      `${objective.groupTilt}; expected none without data.group, which names the groups`,
    );
  }
  if (objective?.groupTilt === undefined && data.group !== undefined) {
    report(['data', 'group'], `${data.group}; expected none without objective.groupTilt, which alone reads it`);
  }
  const hasLora = adapter !== undefined || (typeof trainable === 'object' && 'lora' in trainable);
  if (training.weights !== 'merged' && !hasLora) {
    report(['training', 'weights'], `${training.weights}; expected merged without trainable.lora or an adapter`);
  }
  return found;
};

/** Faults that one message tells. */
const MOST_FAULTS = 20;

/** Checks a configuration and fills in its defaults. `where` says, for a key's path, where it was written. */
const check = (value: unknown, where: (path: Path) => string): ResolvedConfig => {
  const { data, problems } = readArgument('the configuration', () => {
    const { data, error } = configSchema().safeParse(value, { error: expectation });
    const problems = error
      ? describeIssues(error.issues, value, 'the configuration')
      : conflicts(data as ResolvedConfig);
    return { data, problems };
  });
  const lines = problems.slice(0, MOST_FAULTS).map(({ path, message }) => `${where(path)}${message}`);
  if (problems.length > lines.length) lines.push(`and ${problems.length - lines.length} faults more`);
  if (lines.length > 0) fail(lines.join('\n'));
  return data as ResolvedConfig;
};

const parse = (source: string, name: string, lines?: LineCounter, cure = ''): Document => {
  const document = parseYaml(source, lines);
  const error = document.errors[0] ?? document.warnings[0];
  if (!error) return document;
  const place = lines ? `${name}:${lines.linePos(error.pos[0]).line}` : name;
  return fail(`${place}: ${error.message}${cure}`, error);
};

const plain = (document: Document, name: string): unknown => {
  try {
    return document.toJS();
  } catch (cause) {
    return fail(`${name}: ${(cause as Error).message}`, cause);
  }
};

/**
 * Reads a value that was written on the command line. `name` says where, and `cure` what may help where it cannot be read.
 *
 * @throws ERR_ZEST_CONFIG
 */
export const parseValue = (text: string, name: string, cure = ''): unknown =>
  plain(parse(text, name, undefined, cure), name);

/** Sets a key; a value on the way to it that holds no keys gives way. */
const assign = (document: Document, override: string, option: string): void => {
  const equals = override.indexOf('=');
  const name = `${option} ${override}`;
  if (equals < 1) fail(`${name}: expected key.path=value`);
  const path = override.slice(0, equals).split('.');
  const text = override.slice(equals + 1);
  const cure = text.trimStart().startsWith('{') ? '; a text that begins with a brace stands in quotes of its own' : '';
  // Which is stdin, and an empty list to YAML.
  const value = text.trim() === '-' ? '-' : parseValue(text, name, cure);
  const blocked = path.findIndex((_, depth) => depth > 0 && isScalar(document.getIn(path.slice(0, depth), true)));
  try {
    if (blocked > 0) document.setIn(path.slice(0, blocked), document.createNode({}));
    document.setIn(path, document.createNode(value));
  } catch (cause) {
    fail(`${name}: ${(cause as Error).message}`, cause);
  }
};

const depth = (override: string): number => override.split('=', 1)[0]!.split('.').length;

/** Sets keys: one before those within it, whatever their order, so that none is lost; of the same key the last counts. */
const assignAll = (document: Document, overrides: readonly string[], option: string): void => {
  if (overrides.length > 0) resolveAliases(document);
  const ordered = [...overrides].sort((a, b) => depth(a) - depth(b));
  for (const override of ordered) assign(document, override, option);
};

/**
 * Checks a configuration, with `overrides` of the form key.path=value, and fills in its defaults. A method of one's own
 * must be registered before.
 *
 * @throws ERR_ZEST_CONFIG that names each key at fault
 */
export const resolveConfig = (config: Config, overrides: readonly string[] = []): ResolvedConfig => {
  if (overrides.length === 0) return check(config, () => '');
  const document = readArgument('the configuration', () => new Document(config));
  assignAll(document, overrides, 'override');
  return check(plain(document, 'the configuration'), () => '');
};

/**
 * Reads a configuration: YAML 1.2 or JSON, with `overrides` of the form key.path=value, each value parsed as YAML.
 * Paths inside are relative to the current directory. `option` is where overrides come from, for errors.
 *
 * @throws ERR_ZEST_CONFIG with file, line, key and what was expected, or if the file cannot be read
 */
export const readConfig = async (
  file: string,
  overrides: readonly string[] = [],
  option = '--set',
): Promise<ResolvedConfig> => {
  const other = somethingElse(file, 'configuration');
  if (other) fail(`${file} ${other}`);
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) =>
    fail(
      `cannot read the configuration ${file}: ${cause.code === 'ENOENT' ? `ENOENT: ${notThere(file)}` : cause.message}`,
      cause,
    ),
  );
  const source = decodeUtf8(bytes, file, 'ERR_ZEST_CONFIG');
  const lines = new LineCounter();
  const document = parse(source, file, lines);
  if (!isMap(document.contents)) fail(`${file} is ${shown(plain(document, file))}; expected keys and values`);
  assignAll(document, overrides, option);
  const where = (path: Path): string => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = document.getIn(path.slice(0, depth), true) as YamlNode | undefined;
      if (node) return node.range ? `${file}:${lines.linePos(node.range[0]).line}: ` : `${option} `;
    }
    return `${file}: `;
  };
  await loadMethod(document.getIn(['optimizer', 'method']));
  return check(plain(document, file), where);
};

/**
 * Reads a configuration, or checks one that is there already, with `overrides` of the form key.path=value. Loads the
 * module that it may name as its method.
 *
 * @throws ERR_ZEST_CONFIG as {@link readConfig} does
 */
export const loadConfig = async (
  config: Config | string,
  overrides: readonly string[] = [],
  option?: string,
): Promise<ResolvedConfig> => {
  if (typeof config === 'string') return readConfig(config, overrides, option);
  await loadMethod(readArgument('the configuration', () => config?.optimizer?.method));
  return resolveConfig(config, overrides);
};

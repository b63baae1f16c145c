import { createHash } from 'node:crypto';
import { ZestError } from '../errors.ts';
import { isObject } from '../text/json.ts';
import { show } from '../text/show.ts';
import { parseValue } from '../training/config.ts';

/** One key of a grid and the values that it takes. */
export interface GridAxis {
  /** Path of the key in the configuration: `optimizer.tilt`, say. */
  key: string;
  /** Values that the key takes, each once. */
  values: readonly unknown[];
}

/** One run of a grid. */
export interface GridRun {
  /**
   * Name of the run's folder, made of its own values: `tilt=0_seed=1`, say; of several objects, such as
   * optimizers, the keys that tell them apart. It stays the same when the grid gets more values, unless two of them read
   * alike, such as true and "true", or more keys are needed to tell objects apart; a sweep that goes on renames folders
   * then.
   */
  name: string;
  /** Name without the seeds; runs that share it are repetitions of one point. */
  point: string;
  /** Values of the run by key, in the order of the axes. */
  values: Record<string, unknown>;
}

const fail = (message: string): never => {
  throw new ZestError('ERR_ZEST_CONFIG', message);
};

const assertFinite = (_: string, value: unknown): unknown => {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${value} is not finite`);
  return value;
};

/**
 * A value as JSON; undefined for what JSON does not have: a function, a BigInt, an infinity, a circle, a getter that
 * throws.
 */
const jsonOf = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value, assertFinite);
  } catch {
    return undefined;
  }
};

/** Bytes of a value, and of a whole name, beyond which a hash stands for the rest: file systems count those. */
const LONGEST_VALUE = 60;
const LONGEST_NAME = 200;

/** As many whole characters of a text as fit into so many bytes. */
const within = (text: string, bytes: number): string =>
  new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

/**
 * Reads `key=a,b,c`. The values are those of a YAML list, so that `optimizer.tilt=0,1,{tau: 1}` has three.
 *
 * @throws ERR_ZEST_CONFIG for what is no list of values
 */
export const parseAxis = (text: string): GridAxis => {
  const name = `--grid ${text}`;
  const equals = text.indexOf('=');
  if (equals < 1) fail(`${name}: expected key.path=value,value…`);
  const values = parseValue(`[${text.slice(equals + 1)}]`, name, '; expected values of YAML with commas between them');
  if (!Array.isArray(values) || values.length === 0) return fail(`${name}: expected at least one value`);
  return { key: text.slice(0, equals), values };
};

/** Whether runs that differ in this key alone are repetitions of one point. */
export const isSeed = (key: string): boolean => key === 'seed' || key.endsWith('.seed');

type Keys = Record<string, unknown>;

const areObjects = (values: readonly unknown[]): values is readonly Keys[] =>
  values.length > 1 && values.every(isObject);

/** How many of some objects are told apart by some of their keys. */
const toldApart = (objects: readonly Keys[], keys: readonly string[]): number =>
  new Set(objects.map((object) => JSON.stringify(keys.map((key) => [key in object, object[key]])))).size;

/** Of several objects the first keys that tell them all apart; other values as they are. */
export const distinctions = (values: readonly unknown[]): readonly unknown[] => {
  if (!areObjects(values)) return values;
  const telling: string[] = [];
  for (const key of new Set(values.flatMap((value) => Object.keys(value)))) {
    if (toldApart(values, [...telling, key]) > toldApart(values, telling)) telling.push(key);
  }
  return values.map((value) => {
    const own = telling.filter((key) => key in value);
    return own.length > 0 ? Object.fromEntries(own.map((key) => [key, value[key]])) : 'default';
  });
};

/** A value as a part of a file name. */
const slug = (value: unknown): string =>
  JSON.stringify(value)
    .replace(/[^\p{L}\p{N}.+-]+/gu, '-')
    .replace(/^-+(?=\D)|-+$/g, '');

const valueNames = (values: readonly unknown[]): string[] => {
  const slugs = distinctions(values).map(slug);
  return slugs.map((name, i) => {
    const fits = Buffer.byteLength(name) <= LONGEST_VALUE;
    const clear = name !== '' && fits && slugs.indexOf(name) === slugs.lastIndexOf(name);
    return clear ? name : `${within(name, LONGEST_VALUE)}-${hash(JSON.stringify(values[i]))}`;
  });
};

const lastPart = (key: string): string => key.slice(key.lastIndexOf('.') + 1);

const joined = (parts: readonly string[]): string => {
  const name = parts.join('_');
  return Buffer.byteLength(name) <= LONGEST_NAME ? name : `${within(name, LONGEST_NAME)}-${hash(name)}`;
};

/**
 * Makes a run of every combination of the axes' values, the last axis fastest.
 *
 * @throws ERR_ZEST_CONFIG without an axis, or for a key or a value that is there twice
 */
export const gridRuns = (axes: readonly GridAxis[]): GridRun[] => {
  if (axes.length === 0)
    fail('a sweep needs a grid (--grid, or grid from code), such as optimizer.learningRate=1e-4,3e-4');
  const keys = axes.map(({ key }) => key);
  let partial: { parts: string[]; ofPoint: string[]; values: Record<string, unknown> }[] = [
    { parts: [], ofPoint: [], values: {} },
  ];
  for (const { key, values } of axes) {
    if (keys.indexOf(key) !== keys.lastIndexOf(key)) fail(`the grid has ${key} twice`);
    if (values.length === 0) fail(`the grid has no value for ${key}`);
    const texts = values.map(
      (value) => jsonOf(value) ?? fail(`the grid has a value for ${key} that is not JSON: ${show(value)}`),
    );
    const twice = texts.find((text, i) => texts.indexOf(text) !== i);
    if (twice !== undefined) fail(`the grid has ${key}=${twice} twice`);
    const short = keys.filter((other) => lastPart(other) === lastPart(key)).length === 1 ? lastPart(key) : key;
    const names = valueNames(values).map((name) => `${short}=${name}`);
    partial = partial.flatMap((run) =>
      values.map((value, i) => ({
        parts: [...run.parts, names[i]!],
        ofPoint: isSeed(key) ? run.ofPoint : [...run.ofPoint, names[i]!],
        values: { ...run.values, [key]: value },
      })),
    );
  }
  return partial.map(({ parts, ofPoint, values }) => ({ name: joined(parts), point: joined(ofPoint), values }));
};

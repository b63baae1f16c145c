import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ifThere } from '../files/files.ts';

/** Whether a value is an object of keys, not null and no array. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a value has objects or lists within one another beyond so many levels; itself one is the first. */
export const isDeeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1)));

/** Parses JSON; undefined for a text that is none. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * Reads a JSON file; undefined where there is none, or what is there is no JSON.
 *
 * @throws ERR_ZEST_FILE where it cannot be read
 */
export const readJson = async (file: string): Promise<unknown> => {
  const text = await ifThere(file, readFile(file, 'utf8'));
  return text === undefined ? undefined : parseJson(text);
};

/** Reads a JSON file at once, for what an error is to say; undefined where it cannot be read, too. */
export const readJsonSync = (file: string): unknown => {
  try {
    return parseJson(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
};

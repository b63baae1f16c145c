import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../text/json.ts';

/** A key in which two configurations differ, and what each has there. */
export interface Difference {
  key: string;
  a: unknown;
  b: unknown;
}

/** The keys in which two configurations differ, by dotted path. */
export const differences = (a: unknown, b: unknown, path: readonly string[] = []): Difference[] => {
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => differences(a[key], b[key], [...path, key]));
  }
  return isDeepStrictEqual(a, b) ? [] : [{ key: path.join('.'), a, b }];
};

import { ZestError } from '../errors.ts';

/** One example as a file has it. */
export interface Row {
  /** Path of the file. */
  file: string;
  /** Number of the line that the row begins on, from 1. */
  line: number;
  /** Values by field: of JSON as they are, of the other formats strings. */
  fields: Readonly<Record<string, unknown>>;
}

/** ERR_ZEST_DATA at a place in a file. */
export const dataError = (place: string, fault: string, cause?: unknown): Error =>
  new ZestError('ERR_ZEST_DATA', `${place}: ${fault}`, cause === undefined ? undefined : { cause });

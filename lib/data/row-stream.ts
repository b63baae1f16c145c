import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { rangeError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import { show } from '../show.ts';
import {
  csvRows,
  dataError,
  jsonLines,
  type Line,
  type LineParser,
  type Row,
  tabbedLines,
  withoutReturn,
} from './rows.ts';

/** Formats of files with rows: `txt` has a text a line. */
export const ROW_FORMATS = ['jsonl', 'csv', 'tsv', 'txt'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

/** Path of a file, or its content as it comes, such as `process.stdin`. */
export type RowInput = string | AsyncIterable<Uint8Array | string>;

export interface RowStreamOptions extends CallOptions {
  /**
   * Format of the rows. Default: the file's extension; for bytes, jsonl if the first line begins with a brace, or else
   * txt.
   */
  format?: RowFormat;
  /** Names of the fields that are wanted. `txt` gives the only one. */
  fields: readonly string[];
}

/** Rows that have arrived together. */
export interface Rows {
  rows: Row[];
  /** Number of bytes read so far. */
  bytes: number;
}

const NEWLINE = 0x0a;

/** What an input is called in messages. */
export const inputName = (input: RowInput): string => (typeof input === 'string' ? input : 'the input');

/** The bytes of an input; a file that cannot be read is ERR_ZEST_DATA. */
async function* pieces(input: RowInput, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    const content = typeof input === 'string' ? createReadStream(input, { signal }) : input;
    for await (const piece of content) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
  } catch (cause) {
    signal?.throwIfAborted();
    throw dataError(inputName(input), `cannot be read: ${(cause as Error).message}`, cause);
  }
}

/** Lines that hold something, as they arrive. */
async function* lineStream(
  input: RowInput,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ lines: Line[]; bytes: number }> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  let bytes = 0;
  let begun: Uint8Array[] = [];
  const ended = (last: Uint8Array): Line => {
    line++;
    const whole = begun.length === 0 ? last : Buffer.concat([...begun, last]);
    begun = [];
    try {
      const content = decoder.decode(whole);
      return { line, content: withoutReturn(line === 1 && content.startsWith('\ufeff') ? content.slice(1) : content) };
    } catch (cause) {
      throw dataError(`${inputName(input)}:${line}`, 'is not UTF-8', cause);
    }
  };
  for await (const piece of pieces(input, signal)) {
    bytes += piece.length;
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      lines.push(ended(piece.subarray(start, end)));
      start = end + 1;
    }
    if (start < piece.length) begun.push(piece.subarray(start));
    yield { lines: lines.filter(({ content }) => content !== ''), bytes };
  }
  if (begun.length > 0) yield { lines: [ended(new Uint8Array())].filter(({ content }) => content !== ''), bytes };
}

const textLines = (file: string, fields: readonly string[]): LineParser => {
  const [field, ...others] = fields;
  if (field === undefined || others.length > 0) {
    throw dataError(file, `has one text a line, and the task reads the fields ${fields.join(', ')}`);
  }
  return ({ line, content }) => ({ file, line, fields: { [field]: content } });
};

const formatOf = (file: string): RowFormat => {
  const format = ROW_FORMATS.find((each) => extname(file).toLowerCase() === `.${each}`);
  if (format !== undefined) return format;
  throw dataError(file, `is none of the kinds that can be read: ${ROW_FORMATS.map((each) => `.${each}`).join(', ')}`);
};

async function* csvStream(input: RowInput, signal: AbortSignal | undefined): AsyncGenerator<Rows> {
  const read: Uint8Array[] = [];
  for await (const piece of pieces(input, signal)) read.push(piece);
  const bytes = Buffer.concat(read);
  yield { rows: csvRows(bytes, inputName(input)), bytes: bytes.length };
}

/**
 * Reads rows as they arrive: JSON lines, tab-separated values and plain text line by line, CSV when all of it is there.
 * What the formats are, see `readRows`.
 *
 * @throws ERR_ZEST_DATA naming `file:line`; ERR_ZEST_OPTION for a format that there is not
 */
export async function* streamRows(input: RowInput, { format, fields, signal }: RowStreamOptions): AsyncGenerator<Rows> {
  if (format !== undefined && !ROW_FORMATS.includes(format)) {
    throw rangeError('ERR_ZEST_OPTION', `format is ${show(format)}; expected one of ${ROW_FORMATS.join(', ')}`);
  }
  const name = inputName(input);
  let chosen = format ?? (typeof input === 'string' ? formatOf(input) : undefined);
  if (chosen === 'csv') {
    yield* csvStream(input, signal);
    return;
  }
  let parse: LineParser | undefined;
  for await (const { lines, bytes } of lineStream(input, signal)) {
    const [first] = lines;
    if (first === undefined) continue;
    chosen ??= first.content.trimStart().startsWith('{') ? 'jsonl' : 'txt';
    parse ??= chosen === 'jsonl' ? jsonLines(name) : chosen === 'tsv' ? tabbedLines(name) : textLines(name, fields);
    yield { rows: lines.map(parse).filter((row) => row !== undefined), bytes };
  }
}

import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { ZestError } from '../errors.ts';
import { isObject } from '../json.ts';
import { assertPath } from '../options/calls.ts';
import { show } from '../show.ts';
import { decodeUtf8 } from './utf8.ts';

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

interface Cells {
  line: number;
  cells: string[];
}

/** A line that holds something, numbered from 1, without its end. */
export interface Line {
  line: number;
  content: string;
}

/** Without the CR of a CR LF. */
export const withoutReturn = (content: string): string => (content.endsWith('\r') ? content.slice(0, -1) : content);

const lines = (text: string): Line[] =>
  text
    .split('\n')
    .map((content, i) => ({ line: i + 1, content: withoutReturn(content) }))
    .filter(({ content }) => content !== '');

/** Makes rows of lines that come in order; undefined for a header. */
export type LineParser = (line: Line) => Row | undefined;

/** One JSON object a line. */
export const jsonLines =
  (file: string): LineParser =>
  ({ line, content }) => {
    let fields: unknown;
    try {
      fields = JSON.parse(content);
    } catch (cause) {
      throw dataError(`${file}:${line}`, `is not JSON: ${(cause as Error).message}`, cause);
    }
    if (!isObject(fields)) {
      throw dataError(`${file}:${line}`, `is ${show(fields)}; expected a JSON object with a value for each field`);
    }
    return { file, line, fields };
  };

/** RFC 4180: a quoted cell may hold commas, line ends and doubled quotes; a quote inside an unquoted cell is itself. */
const parseCsv = (text: string, file: string): Cells[] => {
  const records: Cells[] = [];
  const delimiter = /,|\r?\n|$/g;
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const empty = text.startsWith('\n', at) ? 1 : text.startsWith('\r\n', at) ? 2 : 0;
    if (empty > 0) {
      at += empty;
      line++;
      continue;
    }
    const record: Cells = { line, cells: [] };
    for (let separator = ','; separator === ','; ) {
      let cell = '';
      const opened = line;
      const quoted = text[at] === '"';
      if (quoted) {
        let from = at + 1;
        for (;;) {
          const quote = text.indexOf('"', from);
          if (quote < 0) throw dataError(`${file}:${opened}`, 'a quoted cell that begins here is never closed');
          cell += text.slice(from, quote);
          at = quote + 1;
          if (text[at] !== '"') break;
          cell += '"';
          from = at + 1;
        }
        for (const character of cell) if (character === '\n') line++;
      }
      delimiter.lastIndex = at;
      const match = delimiter.exec(text)!;
      if (!quoted) cell = text.slice(at, match.index);
      else if (match.index !== at) {
        throw dataError(
          `${file}:${line}`,
          'has text after the closing quote of a cell; a quote in a quoted cell is doubled',
        );
      }
      record.cells.push(cell);
      separator = match[0];
      at = match.index + separator.length;
    }
    line++;
    records.push(record);
  }
  return records;
};

/** Makes rows of the records after the first, which names the columns. */
const underHeader = (file: string): ((record: Cells) => Row | undefined) => {
  let names: readonly string[] | undefined;
  return ({ line, cells }) => {
    if (names === undefined) {
      const repeated = cells.find((name, i) => cells.indexOf(name) !== i);
      if (repeated !== undefined) {
        throw dataError(`${file}:${line}`, `names the column ${JSON.stringify(repeated)} twice`);
      }
      names = cells;
      return undefined;
    }
    if (cells.length !== names.length) {
      throw dataError(`${file}:${line}`, `has ${cells.length} columns where the header has ${names.length}`);
    }
    return { file, line, fields: Object.fromEntries(names.map((name, i) => [name, cells[i]])) };
  };
};

/** Cells between tabs, as in GLUE's files: no quoting, a quote is a character like any other. */
export const tabbedLines = (file: string): LineParser => {
  const row = underHeader(file);
  return ({ line, content }) => row({ line, cells: content.split('\t') });
};

const rowsOf = <T>(records: readonly T[], parse: (record: T) => Row | undefined): Row[] =>
  records.map(parse).filter((row) => row !== undefined);

/** The rows of a whole CSV file. */
export const csvRows = (bytes: Uint8Array, file: string): Row[] =>
  rowsOf(parseCsv(decodeUtf8(bytes, file, 'ERR_ZEST_DATA'), file), underHeader(file));

const parsers: Record<string, (bytes: Uint8Array, file: string) => Row[]> = {
  '.jsonl': (bytes, file) => rowsOf(lines(decodeUtf8(bytes, file, 'ERR_ZEST_DATA')), jsonLines(file)),
  '.csv': csvRows,
  '.tsv': (bytes, file) => rowsOf(lines(decodeUtf8(bytes, file, 'ERR_ZEST_DATA')), tabbedLines(file)),
};

/**
 * Reads a data file into rows, by its extension: `.jsonl` (one object a line), `.csv` (RFC 4180) or `.tsv` (no quoting),
 * the latter two with a header line. UTF-8, with or without a byte order mark; lines end in LF or CR LF; empty lines are
 * skipped.
 *
 * @example
 * import { readRows } from 'node-zest';
 * const rows = await readRows('train.jsonl');
 * console.log(rows.length, rows[0].fields.sentence); // 40 the story is dull
 *
 * @throws ERR_ZEST_DATA naming `file:line`: unreadable, empty, not UTF-8, a broken line, a wrong number of columns
 */
export const readRows = async (file: string): Promise<Row[]> => {
  assertPath(file, 'file');
  const parse = parsers[extname(file).toLowerCase()];
  if (parse === undefined)
    throw dataError(file, `is none of the kinds that can be read: ${Object.keys(parsers).join(', ')}`);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw dataError(file, `cannot be read: ${(cause as Error).message}`, cause);
  }
  const rows = parse(bytes, file);
  if (rows.length === 0) throw dataError(file, 'has no rows');
  return rows;
};

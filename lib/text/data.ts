import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { ZestError } from '../errors.ts';

/** One example as a file has it. */
export interface Row {
  file: string;
  /** Line that the row begins on, from 1. */
  line: number;
  fields: Readonly<Record<string, unknown>>;
}

/** ERR_ZEST_DATA at a place in a file. */
export const dataError = (place: string, fault: string, cause?: unknown): Error =>
  new ZestError('ERR_ZEST_DATA', `${place}: ${fault}`, cause === undefined ? undefined : { cause });

interface Cells {
  line: number;
  cells: string[];
}

const decoded = (bytes: Uint8Array, file: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    let line = 1;
    for (let start = 0; start < bytes.length; line++) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline < 0 ? bytes.length : newline + 1;
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end));
      } catch {
        throw dataError(`${file}:${line}`, 'is not UTF-8', cause);
      }
      start = end;
    }
    throw dataError(file, `cannot be decoded: ${(cause as Error).message}`, cause);
  }
};

/** Lines that hold something, numbered from 1, without their line ends. */
const lines = (text: string): { line: number; content: string }[] =>
  text
    .split('\n')
    .map((content, i) => ({ line: i + 1, content: content.endsWith('\r') ? content.slice(0, -1) : content }))
    .filter(({ content }) => content !== '');

const parseJsonLines = (text: string, file: string): Row[] =>
  lines(text).map(({ line, content }) => {
    let fields: unknown;
    try {
      fields = JSON.parse(content);
    } catch (cause) {
      throw dataError(`${file}:${line}`, `is not JSON: ${(cause as Error).message}`, cause);
    }
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
      throw dataError(`${file}:${line}`, 'must be a JSON object with a value for each field');
    }
    return { file, line, fields: fields as Record<string, unknown> };
  });

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

/** As GLUE's files: no quoting, a quote is a character like any other. */
const parseTsv = (text: string): Cells[] =>
  lines(text).map(({ line, content }) => ({ line, cells: content.split('\t') }));

const named = (records: Cells[], file: string): Row[] => {
  const [header, ...rest] = records;
  if (header === undefined) return [];
  const names = header.cells;
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw dataError(`${file}:${header.line}`, `names the column ${JSON.stringify(repeated)} twice`);
  }
  return rest.map(({ line, cells }) => {
    if (cells.length !== names.length) {
      throw dataError(`${file}:${line}`, `has ${cells.length} columns where the header has ${names.length}`);
    }
    return { file, line, fields: Object.fromEntries(names.map((name, i) => [name, cells[i]])) };
  });
};

const parsers: Record<string, (text: string, file: string) => Row[]> = {
  '.jsonl': parseJsonLines,
  '.csv': (text, file) => named(parseCsv(text, file), file),
  '.tsv': (text, file) => named(parseTsv(text), file),
};

/**
 * Reads a data file into rows, by its extension: `.jsonl` (one object a line), `.csv` (RFC 4180) or `.tsv` (no quoting),
 * the latter two with a header line. UTF-8, with or without a byte order mark; lines end in LF or CR LF; empty lines are
 * skipped.
 *
 * @throws ERR_ZEST_DATA naming `file:line`: unreadable, empty, not UTF-8, a broken line, a wrong number of columns
 */
export const readRows = async (file: string): Promise<Row[]> => {
  const parse = parsers[extname(file).toLowerCase()];
  if (parse === undefined)
    throw dataError(file, `is none of the kinds that can be read: ${Object.keys(parsers).join(', ')}`);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw dataError(file, `cannot be read: ${(cause as Error).message}`, cause);
  }
  const rows = parse(decoded(bytes, file), file);
  if (rows.length === 0) throw dataError(file, 'has no rows');
  return rows;
};

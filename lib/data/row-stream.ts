import { statSync } from 'node:fs';
import { rangeError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import { show } from '../text/show.ts';
import { openContent } from './content.ts';
import { formatOf, isArray, refuseForeign } from './formats.ts';
import { ROW_FORMATS, type RowFormat, type RowInput } from './input.ts';
import { jsonArray } from './json-array.ts';
import { type Line, lineStream } from './lines.ts';
import { isParquet, parquetRows } from './parquet.ts';
import { isHeaderOf, jsonLines, type LineParser, separatedLines, tabbedLines, textLines } from './records.ts';
import type { Row } from './rows.ts';
import { filesOf, inputOf } from './sources.ts';

export interface RowStreamOptions extends CallOptions {
  /**
   * Format of rows that are text. Default: what the file's extension and its first line say; for bytes, jsonl if that
   * begins with a brace or a bracket, csv if several fields are wanted or it is a header that has the one that is and
   * others, or else txt.
   */
  format?: RowFormat;
  /** Formats of text that are taken. Default: all. */
  formats?: readonly RowFormat[];
  /** Names of the columns of `csv` and `tsv` without a header. Default: the first line has them. */
  columns?: readonly string[];
  /** Names of the fields that are wanted. `txt` gives the only one. */
  fields: readonly string[];
  /** Names of the columns that those are in. Default: their own. */
  wanted?: readonly string[];
}

/** Rows that have arrived together. */
export interface Rows {
  rows: Row[];
  /** Number of bytes read so far. */
  bytes: number;
}

/** Whether a file can be opened again, and read at any place: a pipe cannot. */
const isRegular = (file: string): boolean => statSync(file).isFile();

/** Reads the rows of one file, or of bytes. */
async function* contentRows(
  input: RowInput,
  name: string | undefined,
  options: RowStreamOptions,
): AsyncGenerator<Rows> {
  const { format, formats = ROW_FORMATS, columns, fields, wanted = fields, signal } = options;
  const isTable = (first: string) => fields.length > 1 || isHeaderOf(wanted, first);
  const known = { formats, isTable };
  const content = await openContent(input, signal, name);
  try {
    if (isParquet(content)) {
      const file = typeof input === 'string' && content.packing === undefined && isRegular(input) ? input : undefined;
      for await (const rows of parquetRows(file, content)) {
        signal?.throwIfAborted();
        yield rows;
      }
      return;
    }
    refuseForeign(content);
    const source = content.name;
    const file = typeof input === 'string' ? input : undefined;
    const parsers: Record<RowFormat, (lines: readonly Line[]) => LineParser | undefined> = {
      jsonl: (lines) => {
        const array = isArray(lines);
        return array === undefined ? undefined : array ? jsonArray(source) : jsonLines(source);
      },
      csv: (lines) => separatedLines(source, columns, lines),
      tsv: () => tabbedLines(source, columns),
      txt: () => textLines(source, fields),
    };
    let parser: LineParser | undefined;
    for await (const lines of lineStream(content)) {
      const chosen = parser ? undefined : (format ?? formatOf(file, lines, known));
      parser ??= chosen && parsers[chosen](lines);
      const parse = parser;
      // Lines before the parser is known are blank.
      if (parse) yield { rows: lines.flatMap((line) => parse.add(line) ?? []), bytes: content.taken() };
    }
    // An empty file, too, is of a kind that can be read or is not.
    if (!parser && format === undefined && file !== undefined) formatOf(file, [], known);
    parser?.end();
  } finally {
    content.close();
  }
}

/**
 * Reads rows as they arrive; a row is there as soon as its last line is. What the formats are, and what a path may be, see
 * `readRows`.
 *
 * @throws ERR_ZEST_DATA naming `file:line`; ERR_ZEST_OPTION for a format that there is not
 */
export async function* streamRows(input: RowInput, options: RowStreamOptions): AsyncGenerator<Rows> {
  const { format } = options;
  if (format !== undefined && !ROW_FORMATS.includes(format)) {
    throw rangeError('ERR_ZEST_OPTION', `format is ${show(format)}; expected one of ${ROW_FORMATS.join(', ')}`);
  }
  if (typeof input !== 'string') {
    yield* contentRows(input, undefined, options);
    return;
  }
  let before = 0;
  for (const file of await filesOf(input, options.signal)) {
    let last = 0;
    for await (const { rows, bytes } of contentRows(inputOf(file), file.name, options)) {
      last = bytes;
      yield { rows, bytes: before + bytes };
    }
    before += last;
  }
}

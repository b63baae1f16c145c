import { rangeError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import { show } from '../show.ts';
import { formatOf, ROW_FORMATS, type RowFormat } from './formats.ts';
import { inputName, type Line, lineStream, type RowInput } from './lines.ts';
import { jsonLines, type LineParser, separatedLines, tabbedLines, textLines } from './records.ts';
import type { Row } from './rows.ts';

export interface RowStreamOptions extends CallOptions {
  /**
   * Format of the rows. Default: the file's extension; for bytes, jsonl if the first line begins with a brace, or else
   * txt.
   */
  format?: RowFormat;
  /** Formats that a file's extension may stand for. Default: all. */
  formats?: readonly RowFormat[];
  /** Names of the columns of `csv` and `tsv` without a header. Default: the first line has them. */
  columns?: readonly string[];
  /** Names of the fields that are wanted. `txt` gives the only one. */
  fields: readonly string[];
}

/** Rows that have arrived together. */
export interface Rows {
  rows: Row[];
  /** Number of bytes read so far. */
  bytes: number;
}

/** The format of a content that has no name, by its first line. */
const guessed = (lines: readonly Line[]): RowFormat | undefined => {
  const first = lines.find(({ content }) => content !== '');
  return first && (first.content.trimStart().startsWith('{') ? 'jsonl' : 'txt');
};

/**
 * Reads rows as they arrive; a row is there as soon as its last line is. What the formats are, see `readRows`.
 *
 * @throws ERR_ZEST_DATA naming `file:line`; ERR_ZEST_OPTION for a format that there is not
 */
export async function* streamRows(input: RowInput, options: RowStreamOptions): AsyncGenerator<Rows> {
  const { format, formats = ROW_FORMATS, columns, fields, signal } = options;
  if (format !== undefined && !ROW_FORMATS.includes(format)) {
    throw rangeError('ERR_ZEST_OPTION', `format is ${show(format)}; expected one of ${ROW_FORMATS.join(', ')}`);
  }
  const name = inputName(input);
  const parsers: Record<RowFormat, () => LineParser> = {
    jsonl: () => jsonLines(name),
    csv: () => separatedLines(name, columns),
    tsv: () => tabbedLines(name, columns),
    txt: () => textLines(name, fields),
  };
  let parser: LineParser | undefined;
  for await (const { lines, bytes } of lineStream(input, signal)) {
    const chosen = format ?? (typeof input === 'string' ? formatOf(input, formats) : guessed(lines));
    parser ??= chosen && parsers[chosen]();
    const parse = parser;
    if (parse) yield { rows: lines.map((line) => parse.add(line)).filter((row) => row !== undefined), bytes };
  }
  // An empty file, too, is of a kind that can be read or is not.
  if (format === undefined && typeof input === 'string') formatOf(input, formats);
  parser?.end();
}

import { z } from 'zod';
import { rangeError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import { assertList, assertPath, optionsOf } from '../options/calls.ts';
import { isText } from './formats.ts';
import { streamRows } from './row-stream.ts';
import { dataError, type Row } from './rows.ts';

/** Options of {@link readRows}. */
export interface ReadRowsOptions {
  /** Names of the columns of a `.csv` or `.tsv` file without a header line. Default: the first line has them. */
  columns?: readonly string[];
}

const readRowsOptions = optionsOf<ReadRowsOptions>({ columns: z.array(z.string()).readonly().optional() });

/** Formats of rows that have names for their fields: what a file is whose name does not say. */
const WITH_FIELDS = ['jsonl', 'csv', 'tsv'] as const;

/** The field of a text that is a line. */
const TEXT = 'text';

/**
 * Reads the rows of a data file as they arrive; `fields` are those that are wanted, of which `.txt` gives the only one.
 *
 * @throws what {@link readRows} throws
 */
export async function* fileRows(
  file: string,
  { columns, fields = [TEXT], signal }: ReadRowsOptions & CallOptions & { fields?: readonly string[] } = {},
): AsyncGenerator<Row[]> {
  let isTexts: boolean | undefined;
  for await (const { rows } of streamRows(file, { formats: WITH_FIELDS, fields, columns, signal })) {
    const [first] = rows;
    if (first === undefined) continue;
    isTexts ??= isText(first.file);
    // A glob may match notes beside a table, which are no rows of it.
    if (isText(first.file) !== isTexts) {
      throw dataError(file, 'has .txt files, with a text a line, and files with fields; name those of one kind');
    }
    yield rows;
  }
  if (isTexts === undefined) throw dataError(file, 'has no rows');
}

/**
 * Reads data files into rows. `path` is a file, a folder (all files with rows below it; `.txt` only where there are no
 * others), a glob (`data/train-*.parquet`), `-` for stdin, or files of a data set on Hugging Face's hub
 * (`hf://datasets/stanfordnlp/sst2/data/train-*.parquet`), which are downloaded once; several files are read in the order
 * of their names. A list of these is read one after another.
 *
 * Formats: `.jsonl` (one object a line; also `.ndjson` and `.json`, which may hold one array of objects), `.csv`
 * (RFC 4180; with semicolons, tabs or bars where the header has those), `.tsv` (no quoting), the latter two with a
 * header line or with `columns`, `.txt` (a text a line, as the field `text`), and `.parquet`; each also compressed by gzip
 * or zstd. Parquet, compression and JSON are known by what is in the file, whatever it is called, but for JSON in `.txt`.
 * Text is UTF-8, with or without a byte order mark; lines end in LF, CR LF or, where there is no LF, in CR; empty lines are
 * skipped. A row that ends early lacks the fields of its last columns; cells beyond the header are left out, of `.csv` only
 * where they are empty.
 *
 * @example
 * import { readRows } from 'node-zest';
 * const rows = await readRows('train.jsonl');
 * console.log(rows.length, rows[0].fields.sentence); // 40 the story is dull
 *
 * @throws ERR_ZEST_DATA naming `file:line`: unreadable, empty, another kind of file, not UTF-8, a broken line, too many
 * columns, cut or damaged Parquet
 */
export const readRows = async (path: string | readonly string[], given?: ReadRowsOptions): Promise<Row[]> => {
  const isList = Array.isArray(path);
  if (isList) assertList(path, 'path', 'paths', (each) => typeof each === 'string');
  else assertPath(path, 'path');
  const paths: readonly string[] = isList ? [...path] : [path];
  if (paths.length === 0) throw rangeError('ERR_ZEST_ARGUMENT', 'path is []; expected at least one path');
  const options = readRowsOptions(given);
  const all: Row[] = [];
  for (const each of paths) for await (const rows of fileRows(each, options)) for (const row of rows) all.push(row);
  return all;
};

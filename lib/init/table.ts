import { readRows } from '../data/read-rows.ts';
import { dataError, type Row } from '../data/rows.ts';

/** A data file whose columns have names. */
export interface DataTable {
  file: string;
  /** Names that a configuration has to give, where the file has no header line; undefined: it has one, or needs none. */
  columns?: string[];
  names: string[];
  /** Cells by column, as text; undefined where a row has none. Numbers and truth values of JSON are written out. */
  rows: Record<string, string | undefined>[];
}

/** Stand for the columns until it is known whether the first line names them: more than a table has. */
const PLACES = Array.from({ length: 100_000 }, (_, i) => `column ${i + 1}`);

/** Tells whether a cell is a number as tables have them, with a point or a comma. */
export const isNumber = (cell: string): boolean => /^[-+]?\d+([.,]\d+)?$/.test(cell.trim());

/** Longer than the name of a column. */
const isProse = (cell: string): boolean => cell.length > 60 || cell.trim().split(/\s+/).length > 6;

/** Names that columns mostly have: a first line with one of them is a header. */
const USUAL =
  /^(id|idx|index|guid|text\w*|sentence\w*|review|content|comment|message|tweet|question\w*|premise|hypothesis|labels?|class|category|target|sentiment|gold_label|is_duplicate|stars|rating|score|title|word)$/i;

/**
 * Whether the first line names the columns. It does not where a cell is a number or a whole sentence, or is a value that
 * its column has again and again.
 */
const isHeader = (first: readonly string[], rest: readonly Record<string, unknown>[]): boolean => {
  if (first.some((cell) => USUAL.test(cell.trim()))) return true;
  return !first.some((cell, i) => {
    if (isNumber(cell) || isProse(cell)) return true;
    const same = rest.filter((row) => row[PLACES[i]!] === cell).length;
    return cell !== '' && same > 1;
  });
};

const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
};

const fieldsOf = async (file: string, columns: string[] | undefined): Promise<Row['fields'][]> =>
  (await readRows(file, { columns })).map(({ fields }) => fields);

const tableOf = (file: string, columns: string[] | undefined, fields: readonly Row['fields'][]): DataTable => {
  const rows = fields.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, textOf(value)])),
  );
  return { file, columns, names: [...new Set(rows.slice(0, 1000).flatMap((row) => Object.keys(row)))], rows };
};

/**
 * Reads a whole data file, with a header or without.
 *
 * @throws ERR_ZEST_DATA as reading it does, and for stdin
 */
export const readTable = async (file: string): Promise<DataTable> => {
  if (file === '-') throw dataError('stdin', 'comes once, and a configuration names its data; expected a file');
  const rows = await fieldsOf(file, PLACES);
  const [first, ...rest] = rows;
  // JSON and Parquet name their fields themselves.
  if (!Object.hasOwn(first as object, PLACES[0]!)) return tableOf(file, undefined, rows);
  const cells = Object.values(first as Record<string, string>);
  const columns = isHeader(cells, rest) ? undefined : PLACES.slice(0, cells.length);
  return tableOf(file, columns, await fieldsOf(file, columns));
};

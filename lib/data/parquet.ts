import { open } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { AsyncBuffer, Compressors, FileMetaData, SchemaTree } from 'hyparquet';
import type { Content } from './content.ts';
import { dataError, type Row } from './rows.ts';

/** Whether a content is Parquet, by how it begins. */
export const isParquet = ({ head }: Content): boolean => head.toString('latin1', 0, 4) === 'PAR1';

/** A time in ISO 8601, or its number, in its own unit, where no date is so far. */
const timeText = (milliseconds: number, own: bigint | number): string => {
  const time = new Date(milliseconds);
  return Number.isNaN(time.getTime()) ? String(own) : time.toISOString();
};

const DAY = 86_400_000;

/** Makes text of times, where the reader would make dates. */
const PARSERS = {
  timestampFromMilliseconds: (time: bigint) => timeText(Number(time), time),
  timestampFromMicroseconds: (time: bigint) => timeText(Number(time / 1000n), time),
  timestampFromNanoseconds: (time: bigint) => timeText(Number(time / 1_000_000n), time),
  dateFromDays: (days: number) => timeText(days * DAY, days),
};

/** A value of Parquet as JSON has it: whole numbers as numbers where those hold them, and null for what is no number. */
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (Number.isNaN(value)) return null;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};

/** Joins the names of a path, which may have points themselves. */
const pathText = (path: readonly string[]): string => path.join('\0');

/** The paths of the columns that have values. */
const leavesOf = ({ path, children }: SchemaTree): string[] =>
  children.length === 0 ? [pathText(path)] : children.flatMap(leavesOf);

/** The path of a column whose name one beside it has too. */
const repeatedIn = ({ children }: SchemaTree): readonly string[] | undefined => {
  const names = children.map(({ element }) => element.name);
  const repeated = children.find(({ element }, i) => names.indexOf(element.name) < i);
  return repeated?.path ?? children.map(repeatedIn).find((path) => path !== undefined);
};

/**
 * Checks that the schema has each column once, and each row group those at most once: the reader waits for no others, also
 * where they fail.
 */
const assertColumns = (name: string, metadata: FileMetaData, schema: SchemaTree): void => {
  const repeated = repeatedIn(schema);
  if (repeated) throw dataError(name, `names the column ${JSON.stringify(repeated.join('.'))} twice`);
  const leaves = new Set(leavesOf(schema));
  for (const { columns } of metadata.row_groups) {
    const paths = columns.map(({ meta_data }) => pathText(meta_data?.path_in_schema ?? []));
    if (new Set(paths).size === paths.length && paths.every((path) => leaves.has(path))) continue;
    throw new Error('its columns are not those of its schema');
  }
};

/** Keeps pages of no bytes from decompressors: LZ4's fails at one, the dictionary of a column that is all null. */
const withEmptyPages = (compressors: Compressors): Compressors =>
  Object.fromEntries(
    Object.entries(compressors).map(([codec, unpack]) => [
      codec,
      (packed: Uint8Array, length: number) => (length === 0 ? new Uint8Array() : unpack(packed, length)),
    ]),
  );

/** The bytes of a file by their places, or those of a content that comes in one order only. */
const placed = async (
  file: string | undefined,
  { pieces, close }: Content,
): Promise<AsyncBuffer & { close(): Promise<void> }> => {
  if (file === undefined) {
    const whole = await buffer(pieces);
    const bytes = whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length) as ArrayBuffer;
    return { byteLength: bytes.byteLength, slice: (start, end) => bytes.slice(start, end), async close() {} };
  }
  close();
  const handle = await open(file);
  const { size: byteLength } = await handle.stat().catch(async (error) => {
    await handle.close();
    throw error;
  });
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    const bytes = Buffer.alloc(Math.max(0, Math.min(end, byteLength) - start));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    if (bytesRead < bytes.length) throw new Error('the file has become shorter');
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  };
  return {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = read(start, end);
      // Of several that fail, the reader waits for one alone.
      bytes.catch(() => {});
      return bytes;
    },
    close: () => handle.close(),
  };
};

/**
 * Reads the rows of Parquet, a row group at a time; a row's line is its number, from 1.
 *
 * @param file where it can be read at any place; without it the whole content is held
 * @throws ERR_ZEST_DATA for a file that is cut or damaged, or has two columns of a name
 */
export async function* parquetRows(
  file: string | undefined,
  content: Content,
): AsyncGenerator<{ rows: Row[]; bytes: number }> {
  const { name } = content;
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const compressors = withEmptyPages((await import('hyparquet-compressors')).compressors);
  const bytes = await placed(file, content);
  try {
    const metadata = await parquetMetadataAsync(bytes);
    assertColumns(name, metadata, parquetSchema(metadata));
    const total = Number(metadata.num_rows);
    let read = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = read + Number(num_rows);
      const range = { rowStart: read, rowEnd };
      const objects = await parquetReadObjects({ file: bytes, metadata, compressors, parsers: PARSERS, ...range });
      const first = read + 1;
      read = rowEnd;
      yield {
        rows: objects.map((fields, i) => ({ file: name, line: first + i, fields: plain(fields) as Row['fields'] })),
        bytes: file === undefined ? content.taken() : Math.round((bytes.byteLength * read) / total),
      };
    }
  } catch (cause) {
    const { code, name: kind, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_ZEST_DATA') throw cause;
    // Words of the reader's own, and not of what it stumbled over.
    const why = kind === 'Error' ? `: ${message}` : '';
    throw dataError(name, `is Parquet that is cut or damaged${why}; fetch or write it anew`, cause);
  } finally {
    await bytes.close();
  }
}

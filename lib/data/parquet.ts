import { open } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { AsyncBuffer, Compressors, FileMetaData, SchemaTree } from 'hyparquet';
import type { Content } from './content.ts';
import { dataError, type Row } from './rows.ts';

/** Whether a content is Parquet, by how it begins. */
export const isParquet = ({ head }: Content): boolean => head.toString('latin1', 0, 4) === 'PAR1';

/** A value of Parquet as JSON has it: whole numbers as numbers where those hold them, times in ISO 8601. */
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};

/** The paths of the columns that have values. */
const leavesOf = ({ path, children }: SchemaTree): string[] =>
  children.length === 0 ? [path.join('.')] : children.flatMap(leavesOf);

/**
 * Checks that each row group has each column of the schema at most once: the reader waits for no others, also where
 * they fail.
 */
const assertColumns = (metadata: FileMetaData, schema: SchemaTree): void => {
  const leaves = leavesOf(schema);
  for (const { columns } of metadata.row_groups) {
    const paths = columns.map(({ meta_data }) => meta_data?.path_in_schema.join('.') ?? '');
    if (
      new Set(leaves).size === leaves.length &&
      new Set(paths).size === paths.length &&
      paths.every((path) => leaves.includes(path))
    )
      continue;
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
  await close();
  const handle = await open(file);
  const byteLength = (await handle.stat()).size;
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
 * @throws ERR_ZEST_DATA for a file that is cut or damaged
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
    assertColumns(metadata, parquetSchema(metadata));
    const total = Number(metadata.num_rows);
    let read = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = read + Number(num_rows);
      const objects = await parquetReadObjects({ file: bytes, metadata, compressors, rowStart: read, rowEnd });
      const first = read + 1;
      read = rowEnd;
      yield {
        rows: objects.map((fields, i) => ({ file: name, line: first + i, fields: plain(fields) as Row['fields'] })),
        bytes: file === undefined ? content.taken() : Math.round((bytes.byteLength * read) / total),
      };
    }
  } catch (cause) {
    // Words of the reader's own, and not of what it stumbled over.
    const { name: kind, message } = cause as Error;
    const why = kind === 'Error' ? `: ${message}` : '';
    throw dataError(name, `is Parquet that is cut or damaged${why}; fetch or write it anew`, cause);
  } finally {
    await bytes.close();
  }
}

import { extname } from 'node:path';
import { somethingElse } from '../what-is.ts';
import { dataError } from './rows.ts';

/** Formats of files with rows: `txt` has a text a line. */
export const ROW_FORMATS = ['jsonl', 'csv', 'tsv', 'txt'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

const EXTENSIONS: Readonly<Record<string, RowFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.txt': 'txt',
};

/**
 * Finds the format of a file by its name, among some.
 *
 * @throws ERR_ZEST_DATA
 */
export const formatOf = (file: string, formats: readonly RowFormat[]): RowFormat => {
  const format = EXTENSIONS[extname(file).toLowerCase()];
  if (format !== undefined && formats.includes(format)) return format;
  const other = somethingElse(file, 'data');
  if (other) throw dataError(file, other);
  const kinds = formats.map((each) => `.${each}`).join(', ');
  throw dataError(file, `is none of the kinds that can be read: ${kinds}`);
};

/** What a file may be instead of text with rows: what it begins with, what it is, and how it becomes such a text. */
interface Foreign {
  begins: string | RegExp;
  is: string;
  cure: string;
}

const UNPACK = 'unpack it';
const PICTURE = 'give the file that has the texts';
const IN_UTF8 = 'save it as UTF-8 (in Excel: CSV UTF-8), or convert it with iconv -f UTF-16 -t UTF-8';

const FOREIGN: readonly Foreign[] = [
  { begins: '\xff\xfe', is: 'is UTF-16', cure: IN_UTF8 },
  { begins: '\xfe\xff', is: 'is UTF-16', cure: IN_UTF8 },
  { begins: /^(?:[^\0]\0){4}|^(?:\0[^\0]){4}/, is: 'is UTF-16', cure: IN_UTF8 },
  { begins: '\x1f\x8b', is: 'is compressed by gzip', cure: `${UNPACK}: gunzip` },
  { begins: 'BZh', is: 'is compressed by bzip2', cure: `${UNPACK}: bunzip2` },
  { begins: '\xfd7zXZ', is: 'is compressed by xz', cure: `${UNPACK}: unxz` },
  { begins: '\x28\xb5\x2f\xfd', is: 'is compressed by zstd', cure: `${UNPACK}: unzstd` },
  {
    begins: 'PK\x03\x04',
    is: 'is a ZIP archive, as the workbooks of Excel (.xlsx) are',
    cure: 'save the sheet as CSV UTF-8, or unpack the archive',
  },
  { begins: '\xd0\xcf\x11\xe0', is: 'is a workbook of Excel (.xls)', cure: 'save the sheet as CSV UTF-8' },
  {
    begins: 'PAR1',
    is: 'is Parquet',
    cure: 'convert it, in pandas: read_parquet(…).to_json("data.jsonl", orient="records", lines=True)',
  },
  {
    begins: 'ARROW1',
    is: 'is Arrow',
    cure: 'convert it, in datasets: Dataset.from_file(…).to_json("data.jsonl")',
  },
  { begins: 'SQLite format 3', is: 'is a SQLite database', cure: 'export the table as CSV' },
  { begins: '\x89PNG', is: 'is a picture (PNG)', cure: PICTURE },
  { begins: '\xff\xd8\xff', is: 'is a picture (JPEG)', cure: PICTURE },
  { begins: 'GIF8', is: 'is a picture (GIF)', cure: PICTURE },
  { begins: '%PDF', is: 'is a PDF document', cure: PICTURE },
  { begins: /^.{3}\0{5}\{/s, is: 'is a safetensors file, the weights of a model', cure: PICTURE },
  { begins: '\x80', is: 'is a pickle of Python', cure: 'write it as JSON lines' },
  {
    begins: /^\s*<(?:!doctype html|html)/i,
    is: 'is an HTML page',
    cure: 'fetch the file itself, not the page about it',
  },
  { begins: 'version https://git-lfs', is: 'is a pointer of Git LFS', cure: 'fetch the file: git lfs pull' },
  {
    begins: /^\s*\[\s*\{/,
    is: 'is one JSON array',
    cure: "write one object a line: jq -c '.[]' data.json > data.jsonl",
  },
];

/** So many bytes tell what a file is. */
export const HEAD_LENGTH = 32;

/**
 * Checks that the first bytes of a file are not those of something else than text in UTF-8.
 *
 * @throws ERR_ZEST_DATA that says what it is, and how it becomes a file with rows
 */
export const refuseForeign = (head: Uint8Array, file: string): void => {
  const text = Buffer.from(head)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '');
  const found = FOREIGN.find(({ begins }) =>
    typeof begins === 'string' ? text.startsWith(begins) : begins.test(text),
  );
  if (found) throw dataError(file, `${found.is}; expected rows as text (.jsonl, .csv, .tsv): ${found.cure}`);
};

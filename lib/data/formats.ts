import { extname } from 'node:path';
import { somethingElse } from '../text/what-is.ts';
import type { Content } from './content.ts';
import type { RowFormat } from './input.ts';
import type { Line } from './lines.ts';
import { dataError } from './rows.ts';

const EXTENSIONS: Readonly<Record<string, RowFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.txt': 'txt',
};

const PARQUET = '.parquet';

/** The extension of a file beneath that of its compression. */
const extensionOf = (file: string): string => extname(file.replace(/\.(gz|zst|zstd)$/i, '')).toLowerCase();

/** Whether a file has rows, by its name. */
export const hasRows = (file: string): boolean => extensionOf(file) in EXTENSIONS || extensionOf(file) === PARQUET;

/** Whether a file has a text a line, by its name. */
export const isText = (file: string): boolean => EXTENSIONS[extensionOf(file)] === 'txt';

/**
 * The files with rows among others, by their names. Those with a text a line count where there are no others: beside a
 * table they are notes about it.
 */
export const withRows = (files: readonly string[]): string[] => {
  const all = files.filter(hasRows);
  return all.every(isText) ? all : all.filter((file) => !isText(file));
};

/** The first line that is not blank: what tells JSON from a table. */
const firstOf = (lines: readonly Line[]): string | undefined =>
  lines.find(({ content }) => content.trim() !== '')?.content.trimStart();

/**
 * Finds the format of text by the name of its file, unless how it begins says otherwise: a table that begins with an
 * object of JSON is JSON lines; `.txt` is what it says. Without a name that tells, JSON is known by its first character,
 * a table by its header or by what is wanted of it, and all else is text a line. Undefined: not known before more has
 * come.
 *
 * @throws ERR_ZEST_DATA for a name of another kind
 */
export const formatOf = (
  name: string | undefined,
  lines: readonly Line[],
  { formats, isTable }: { formats: readonly RowFormat[]; isTable: (first: string) => boolean },
): RowFormat | undefined => {
  const first = firstOf(lines);
  const extension = name === undefined ? '' : extensionOf(name);
  const named = EXTENSIONS[extension];
  const isJson = first !== undefined && (/^\[\s*(\{|\]|$)/.test(first) || /^\{\s*("|\}|$)/.test(first));
  if (named === 'txt') return 'txt';
  if (isJson) return 'jsonl';
  if (named !== undefined && formats.includes(named)) return named;
  if (extension === '') {
    if (first === undefined) return undefined;
    return formats.includes('txt') && !isTable(first) ? 'txt' : 'csv';
  }
  if (extension === PARQUET)
    throw dataError(name as string, 'is called .parquet and does not begin as Parquet does, with PAR1; fetch it anew');
  const other = somethingElse(name as string, 'data');
  if (other) throw dataError(name as string, other);
  const kinds = [...formats.map((each) => `.${each}`), PARQUET].join(', ');
  throw dataError(name as string, `is none of the kinds that can be read: ${kinds}`);
};

/** Whether rows of JSON stand in one array. */
export const isArray = (lines: readonly Line[]): boolean | undefined => firstOf(lines)?.startsWith('[');

/** What a file may be instead of text with rows: what it begins with, what it is, and how it becomes such a text. */
interface Foreign {
  begins: string | RegExp;
  is: string;
  cure: string;
}

const UNPACK = 'unpack it';
const GIVE_TEXTS = 'give the file that has the texts';
const IN_UTF8 = 'save it as UTF-8 (in Excel: CSV UTF-8), or convert it with iconv -f UTF-16 -t UTF-8';

const FOREIGN: readonly Foreign[] = [
  { begins: '\xff\xfe', is: 'is UTF-16', cure: IN_UTF8 },
  { begins: '\xfe\xff', is: 'is UTF-16', cure: IN_UTF8 },
  { begins: /^(?:[^\0]\0){4}|^(?:\0[^\0]){4}/, is: 'is UTF-16', cure: IN_UTF8 },
  { begins: 'BZh', is: 'is compressed by bzip2', cure: `${UNPACK}: bunzip2` },
  { begins: '\xfd7zXZ', is: 'is compressed by xz', cure: `${UNPACK}: unxz` },
  {
    begins: 'PK\x03\x04',
    is: 'is a ZIP archive, as the workbooks of Excel (.xlsx) are',
    cure: 'save the sheet as CSV UTF-8, or unpack the archive',
  },
  { begins: '\xd0\xcf\x11\xe0', is: 'is a workbook of Excel (.xls)', cure: 'save the sheet as CSV UTF-8' },
  {
    begins: 'ARROW1',
    is: 'is Arrow',
    cure: 'convert it, in datasets: Dataset.from_file(…).to_json("data.jsonl")',
  },
  { begins: /^.{257}ustar/s, is: 'is a tar archive', cure: UNPACK },
  { begins: 'SQLite format 3', is: 'is a SQLite database', cure: 'export the table as CSV' },
  { begins: '\x89PNG', is: 'is a picture (PNG)', cure: GIVE_TEXTS },
  { begins: '\xff\xd8\xff', is: 'is a picture (JPEG)', cure: GIVE_TEXTS },
  { begins: 'GIF8', is: 'is a picture (GIF)', cure: GIVE_TEXTS },
  { begins: '%PDF', is: 'is a PDF document', cure: GIVE_TEXTS },
  { begins: /^.{3}\0{5}\{/s, is: 'is a safetensors file, the weights of a model', cure: GIVE_TEXTS },
  { begins: '\x80', is: 'is a pickle of Python', cure: 'write it as JSON lines' },
  {
    begins: /^\s*<(?:!doctype html|html)/i,
    is: 'is an HTML page',
    cure: 'fetch the file itself, not the page about it',
  },
  { begins: 'version https://git-lfs', is: 'is a pointer of Git LFS', cure: 'fetch the file: git lfs pull' },
];

const BINARY = { is: 'is no text but binary', cure: GIVE_TEXTS };

/** Whether bytes have NUL among them and are no UTF-8, which may be cut within a character. */
const isBinary = (head: Uint8Array): boolean => {
  if (!head.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return false;
  } catch {
    return true;
  }
};

/**
 * Checks that a content does not begin as something else than text in UTF-8.
 *
 * @throws ERR_ZEST_DATA that says what it is, and how it becomes a file with rows
 */
export const refuseForeign = ({ name, head }: Content): void => {
  const text = head.toString('latin1').replace(/^\xef\xbb\xbf/, '');
  const found = FOREIGN.find(({ begins }) =>
    typeof begins === 'string' ? text.startsWith(begins) : begins.test(text),
  );
  const { is, cure } = found ?? (isBinary(head) ? BINARY : {});
  if (is) throw dataError(name, `${is}; expected rows (.jsonl, .csv, .tsv, .parquet): ${cure}`);
};

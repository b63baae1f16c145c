import { existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { hubFiles, isHubPath } from '../hub/dataset-files.ts';
import { listed, show } from '../text/show.ts';
import { byUtf8 } from '../text/utf8-order.ts';
import { somethingElse } from '../text/what-is.ts';
import type { RowInput } from './content.ts';
import { withRows } from './formats.ts';
import { isGlob, matchesPath } from './path-glob.ts';
import { dataError } from './rows.ts';

/** Stands for stdin. */
const STDIN = '-';

const slashed = (path: string): string => path.replaceAll(sep, '/');

/** Files below a folder; hidden ones are none, nor are those in hidden folders. */
const filesBelow = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => slashed(join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)\.[^./]/.test(path.slice(folder.length)))
    .sort(byUtf8);
};

/** The folder that a glob looks in: what stands before its first wild part. */
const rootOf = (glob: string): string => {
  const parts = slashed(glob).split('/');
  const root = parts.slice(0, parts.findIndex(isGlob)).join('/');
  return root === '' ? (glob.startsWith('/') ? '/' : '.') : root;
};

const globbed = async (glob: string): Promise<string[]> => {
  const root = rootOf(glob);
  const all = existsSync(root) ? await filesBelow(root) : [];
  const found = all.filter((path) => matchesPath(slashed(glob).replace(/^\.\//, ''), path.replace(/^\.\//, '')));
  if (found.length > 0) return found;
  throw dataError(
    glob,
    `matches no file; ${all.length === 0 ? `there is none in ${root}` : `${root} has ${listed(all, 5)}`}`,
  );
};

const inFolder = async (folder: string): Promise<string[]> => {
  const other = somethingElse(folder, 'data');
  if (other) throw dataError(folder, other);
  const found = withRows(await filesBelow(folder));
  if (found.length > 0) return found;
  throw dataError(
    folder,
    'is a folder without files with rows; expected some .jsonl, .csv, .tsv, .txt or .parquet there',
  );
};

let isTaken = false;

/** A file with rows: its path, or `-`, and what messages call it. */
export interface SourceFile {
  path: string;
  name: string;
}

/** What is read of a file that {@link filesOf} gives. */
export const inputOf = ({ path }: SourceFile): RowInput => {
  if (path !== STDIN) return path;
  if (isTaken) throw dataError('stdin', 'was read already, and comes once; name a file where it is needed twice');
  isTaken = true;
  return process.stdin;
};

/**
 * The files that a path names, in the order of their names: one; all with rows below a folder; those that a glob
 * matches; `-`, which is stdin; or files of a data set on Hugging Face's hub, `hf://datasets/…`, which are downloaded.
 *
 * @throws ERR_ZEST_DATA where there are none; what downloading throws
 */
export const filesOf = async (path: string, signal: AbortSignal | undefined): Promise<SourceFile[]> => {
  if (path === STDIN) return [{ path, name: 'stdin' }];
  if (isHubPath(path)) return hubFiles(path, signal);
  if (path.includes('\0')) throw dataError(show(path), 'is no path; expected one without NUL characters');
  const found = statSync(path, { throwIfNoEntry: false });
  const paths = found?.isDirectory()
    ? await inFolder(path)
    : found === undefined && isGlob(path)
      ? await globbed(path)
      : [path];
  return paths.map((each) => ({ path: each, name: each }));
};

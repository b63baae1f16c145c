import { existsSync, statSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { hubFiles, isHubPath } from '../hub/dataset-files.ts';
import { listed, show } from '../text/show.ts';
import { byUtf8 } from '../text/utf8-order.ts';
import { somethingElse } from '../text/what-is.ts';
import { withRows } from './formats.ts';
import type { RowInput } from './input.ts';
import { isGlob, leadsTo, matchesPath } from './path-glob.ts';
import { dataError } from './rows.ts';

/** Stands for stdin. */
const STDIN = '-';

const slashed = (path: string): string => path.replaceAll(sep, '/');

/** Whether a link leads to a folder; one that leads nowhere is a file, whose reading says so. */
const isFolderAt = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/**
 * Files below a folder, by their paths from there; hidden ones are none, nor are those in hidden folders. Links are
 * followed, but those to a folder that they stand in. `isWanted` says of a folder whether it is looked into.
 */
const filesBelow = async (folder: string, isWanted: (inside: string) => boolean = () => true): Promise<string[]> => {
  const files: string[] = [];
  const look = async (inside: string, above: readonly string[]): Promise<void> => {
    const path = join(folder, inside);
    const real = await realpath(path);
    if (above.includes(real)) return;
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const found = inside === '' ? entry.name : `${inside}/${entry.name}`;
      const isFolder = entry.isSymbolicLink() ? await isFolderAt(join(folder, found)) : entry.isDirectory();
      if (!isFolder) files.push(found);
      else if (isWanted(found)) await look(found, [...above, real]);
    }
  };
  await look('', []);
  return files.sort(byUtf8);
};

/** The folder that a glob looks in, which stands before its first wild part, and what is looked for there. */
const partsOf = (glob: string): { root: string; pattern: string } => {
  const parts = slashed(glob).split('/');
  const wild = parts.findIndex((part) => /[*?{]/.test(part));
  const root = parts.slice(0, wild).join('/');
  const pattern = parts.slice(wild).filter((part) => part !== '' && part !== '.');
  return { root: root === '' ? (glob.startsWith('/') ? '/' : '.') : root, pattern: pattern.join('/') };
};

const globbed = async (glob: string): Promise<string[]> => {
  const { root, pattern } = partsOf(glob);
  const all = existsSync(root) ? await filesBelow(root, (folder) => leadsTo(pattern, folder)) : [];
  const pathsOf = (files: readonly string[]) => files.map((file) => slashed(join(root, file)));
  const found = all.filter((file) => matchesPath(pattern, file));
  if (found.length > 0) return pathsOf(found);
  throw dataError(
    glob,
    `matches no file${all.length === 0 ? ` in ${root}` : `; ${root} has ${listed(pathsOf(all), 5)}`}`,
  );
};

const inFolder = async (folder: string): Promise<string[]> => {
  const other = somethingElse(folder, 'data');
  if (other) throw dataError(folder, other);
  const found = withRows(await filesBelow(folder)).map((file) => slashed(join(folder, file)));
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

/** The files that a path on the disk names. */
const filesAt = async (path: string): Promise<string[]> => {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) return await inFolder(path);
    return found === undefined && isGlob(path) ? await globbed(path) : [path];
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw code === 'ERR_ZEST_DATA' ? cause : dataError(path, `cannot be read: ${message}`, cause);
  }
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
  return (await filesAt(path)).map((each) => ({ path: each, name: each }));
};

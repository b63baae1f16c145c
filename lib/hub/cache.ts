import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { makeFolder, writeAtomic, writing } from '../files/files.ts';
import { readJsonSync } from '../text/json.ts';
import { hubEnvironment } from './environment.ts';

/** A model or a data set of the hub, at a branch, a tag or a commit. */
export interface HubName {
  kind: 'model' | 'dataset';
  /** `org/name`, or `name` alone. */
  id: string;
  revision: string;
}

/** The name as people write it. */
export const written = ({ id, revision }: HubName): string => (revision === 'main' ? id : `${id}@${revision}`);

// The cache is Hugging Face's own: models--org--name/blobs/ETAG, refs/REVISION with a commit, and
// snapshots/COMMIT/FILE, links to the blobs. Ours alone is .zest/COMMIT.json, the list of all files of a commit: a
// snapshot has only those that were asked for and have come. Others look at no folders but their own.

const folderName = ({ kind, id }: HubName): string => [`${kind}s`, ...id.split('/')].join('--');

/** The folder of a repository in the cache. */
export const storage = (name: HubName): string => join(hubEnvironment().cache, folderName(name));

/** The file whose lock gives the right to download a blob, to Python's library too. */
export const lockFile = (name: HubName, etag: string): string =>
  join(hubEnvironment().cache, '.locks', folderName(name), `${etag}.lock`);

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** The commit that a revision was at when it was last downloaded. */
export const cachedCommit = (name: HubName): string | undefined => {
  if (isCommit(name.revision)) return name.revision;
  try {
    return readFileSync(join(storage(name), 'refs', ...name.revision.split('/')), 'utf8').trim();
  } catch {
    return undefined;
  }
};

export const snapshot = (name: HubName, commit: string): string => join(storage(name), 'snapshots', commit);

/** Files of a snapshot whose blobs are there. */
export const cachedFiles = (name: HubName, commit: string): string[] => {
  const folder = snapshot(name, commit);
  if (!existsSync(folder)) return [];
  return (readdirSync(folder, { recursive: true, withFileTypes: true }) as import('node:fs').Dirent[])
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => existsSync(path))
    .map((path) => path.slice(folder.length + 1).replaceAll(sep, '/'))
    .sort();
};

const listFile = (name: HubName, commit: string): string => join(storage(name), '.zest', `${commit}.json`);

/** All files of a commit, as the hub has said; undefined where it was not asked, or by others. */
export const rememberedFiles = (name: HubName, commit: string): string[] | undefined => {
  const paths = readJsonSync(listFile(name, commit));
  return Array.isArray(paths) && paths.every((path) => typeof path === 'string') ? paths : undefined;
};

/**
 * Keeps the list of all files of a commit, once.
 *
 * @throws ERR_ZEST_FILE
 */
export const rememberFiles = async (name: HubName, commit: string, paths: readonly string[]): Promise<void> => {
  if (rememberedFiles(name, commit)) return;
  const file = listFile(name, commit);
  await writing(file, makeFolder(dirname(file)));
  await writeAtomic(file, JSON.stringify(paths));
};

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere } from '../files/files.ts';
import { heldRun } from './replacement.ts';

const isRun = async (path: string): Promise<boolean> => {
  const { config, metrics, summary } = await heldRun(path);
  return (await Promise.all([config, metrics, summary].map(isThere))).includes(true);
};

/** Folders under a path in which runs are looked for: an experiment has method/learning rate/seed, and is one of several. */
const DEPTH = 4;

/** The runs under a folder that is none itself, such as that of a sweep, by name. */
const runsUnder = async (path: string, depth = DEPTH): Promise<string[]> => {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== 'node_modules');
  const found: string[] = [];
  for (const name of folders.map(({ name }) => name).sort()) {
    const folder = join(path, name);
    // One that may not be looked at is passed over.
    if (await isRun(folder).catch(() => false)) found.push(folder);
    else if (depth > 1) found.push(...(await runsUnder(folder, depth - 1)));
  }
  return found;
};

export interface FoundRuns {
  /** Folders, of runs unless they are at fault. */
  folders: string[];
  /** Files, which `runs/*` may name beside the folders. */
  files: string[];
}

/** The folders of runs that paths stand for: a folder that is no run, as a sweep's, for those under it. */
export const findRuns = async (paths: readonly string[]): Promise<FoundRuns> => {
  const found: FoundRuns = { folders: [], files: [] };
  for (const path of paths) {
    const under = (await isRun(path)) ? [path] : await runsUnder(path);
    const isFile = (await stat(path).catch(() => undefined))?.isFile() ?? false;
    if (isFile) found.files.push(path);
    else found.folders.push(...(under.length > 0 ? under : [path]));
  }
  return found;
};

import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runFolder } from '../training/run-folder.ts';

const isRun = async (path: string): Promise<boolean> => {
  const { config, metrics, summary } = runFolder(path);
  const there = await Promise.all(
    [config, metrics, summary].map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return there.includes(true);
};

/** The runs right under a folder, such as that of a sweep, by name. */
const runsUnder = async (path: string): Promise<string[]> => {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  const found = await Promise.all(folders.map(isRun));
  return folders.filter((_, i) => found[i]).sort();
};

/** The folders of runs that paths stand for: a folder that is no run, as a sweep's, for those under it. */
export const findRuns = async (paths: readonly string[]): Promise<string[]> => {
  const found: string[] = [];
  for (const path of paths) {
    const under = (await isRun(path)) ? [] : await runsUnder(path);
    found.push(...(under.length ? under : [path]));
  }
  return found;
};

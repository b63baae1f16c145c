import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, writing } from '../files/files.ts';
import { differences } from '../options/differences.ts';
import { runFolder, writeConfig } from '../runs/folder.ts';
import { isLocked } from '../runs/lock.ts';
import { readConfig } from '../training/config.ts';
import type { ResolvedConfig } from '../training/schema.ts';
import type { Plan, PlannedRun } from './plan.ts';

/** Ending of a folder on its way to its new name, where the sweep may be killed: the next one finds it as well. */
const MOVING = '.moving';

interface FolderOfRun {
  path: string;
  config: ResolvedConfig;
}

/** Whether two configurations are those of one run. Where its folder is does not matter. */
const isSameRun = (a: ResolvedConfig, b: ResolvedConfig): boolean =>
  differences({ ...a, output: '' }, { ...b, output: '' }).length === 0;

/** The folders of runs in that of a sweep; not those that are being written to, or whose configuration is broken. */
const runsIn = async (output: string): Promise<FolderOfRun[]> => {
  const found: FolderOfRun[] = [];
  const entries = (await isThere(output)) ? await readdir(output, { withFileTypes: true }) : [];
  for (const { name } of entries.filter((entry) => entry.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(output, name);
    const config = await readConfig(runFolder(path).config).catch(() => undefined);
    if (config && !(await isLocked(path))) found.push({ path, config });
  }
  return found;
};

/** The runs of the plan that are there under another name alone, and where. */
const misnamed = async ({ output, runs }: Plan): Promise<{ run: PlannedRun; from: string }[]> => {
  const there = await runsIn(output);
  const isNamed = ({ path, config }: FolderOfRun) =>
    runs.some((run) => run.config.output === path && isSameRun(run.config, config));
  const [named, others] = [there.filter(isNamed), there.filter((folder) => !isNamed(folder))];
  return runs.flatMap((run) => {
    if (named.some(({ path }) => path === run.config.output)) return [];
    const folder = others.find(({ config }) => isSameRun(run.config, config));
    return folder ? [{ run, from: folder.path }] : [];
  });
};

/**
 * Gives the runs that an earlier sweep left in the folder the names that they have in this grid: where values were added
 * to it, more keys may be needed to tell whole objects apart. A run is known by its configuration.
 */
export const renameRuns = async (plan: Plan): Promise<void> => {
  const runs = await misnamed(plan);
  // Aside first: one may have the name that another is to get.
  for (const { run, from } of runs) await writing(from, rename(from, run.config.output + MOVING));
  for (const { run } of runs) {
    const { config } = run;
    if (await isThere(config.output)) continue;
    await writing(config.output, rename(config.output + MOVING, config.output));
    await writeConfig(runFolder(config.output), config);
  }
};

import { readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ZestError } from '../errors.ts';
import { ifThere, isThere, makeFolder, removeLeftovers, writing } from '../files/files.ts';
import {
  assertNoLinks,
  assertNoRun,
  assertRun,
  isCheckpoint,
  partsOf,
  type RunFolder,
  removeAll,
  runFolder,
  writeConfig,
} from './folder.ts';
import { isTrajectory, openTrajectory } from './trajectory.ts';

/** Where the parts of a run that is being replaced stand, until the new one has a step. */
const ASIDE = '.replaced';

const moveParts = async (parts: readonly string[], to: RunFolder): Promise<void> => {
  for (const part of parts) {
    if (await isThere(part)) await writing(part, rename(part, join(to.path, basename(part))));
  }
};

/** The run that a folder holds aside, and whether the one in its place has begun its log. */
const asideOf = async (run: RunFolder): Promise<{ aside: RunFolder; hasBegun: boolean } | undefined> => {
  const aside = runFolder(join(run.path, ASIDE));
  const names = await ifThere(aside.path, readdir(aside.path));
  if (names === undefined) return undefined;
  const parts = (await partsOf(aside)).map((part) => basename(part));
  // One that has something else in it is somebody's own.
  return names.every((name) => parts.includes(name)) ? { aside, hasBegun: await isThere(run.trajectory) } : undefined;
};

/** Whether a folder holds a run with a log: one that can be gone on with. */
export const holdsLog = async (path: string): Promise<boolean> => isTrajectory((await heldRun(path)).trajectory);

/** Whether a folder holds a run that another one is replacing. */
export const isReplacing = async (path: string): Promise<boolean> => (await asideOf(runFolder(path))) !== undefined;

/**
 * Checks that what would be moved aside and removed is of the run alone.
 *
 * @throws ERR_ZEST_RUN
 */
const assertAllOurs = async (run: RunFolder): Promise<void> => {
  const checkpoints = (await ifThere(run.checkpoints, readdir(run.checkpoints))) ?? [];
  const other = checkpoints.find((name) => !isCheckpoint(name) && !name.endsWith('.partial'));
  const isTaken = (await isThere(join(run.path, ASIDE))) && (await asideOf(run)) === undefined;
  const foreign = other !== undefined ? join(run.checkpoints, other) : isTaken ? join(run.path, ASIDE) : undefined;
  if (foreign === undefined) return;
  throw new ZestError(
    'ERR_ZEST_RUN',
    `${foreign} is none of the run's own; expected nothing else where the option overwrite removes: move it, or name another output`,
  );
};

/** Whether a run has something to lose: a step in its log, or an end. */
const hasStep = async ({ summary, trajectory }: RunFolder): Promise<boolean> =>
  (await isThere(summary)) || ((await isThere(trajectory)) && (await openTrajectory(trajectory)).places.length > 1);

/**
 * Ends the replacement of a run: one that has a step is what the folder holds from then on. One that has none, whatever
 * kept it from that, gives its place back to the run that was there.
 */
export const settleRun = async (run: RunFolder): Promise<void> => {
  const found = await asideOf(run);
  if (found === undefined) return;
  const { aside, hasBegun } = found;
  if (!hasBegun || !(await hasStep(run))) {
    // Without its log, which is moved first, what is here may be of the old run. The log is what is removed last.
    const isOurs = async (part: string) => hasBegun || (await isThere(join(aside.path, basename(part))));
    for (const part of await partsOf(run)) if (await isOurs(part)) await removeAll(part);
    await moveParts(await partsOf(aside), run);
  }
  await removeAll(aside.path);
};

/** Ends the replacement of a run by one that has a step, as {@link settleRun} does, for who knows that it has. */
export const endReplacement = async (run: RunFolder): Promise<void> => {
  const found = await asideOf(run);
  if (found) await removeAll(found.aside.path);
};

/** The parts of the run that a folder holds. */
export interface HeldRun extends RunFolder {
  /** Whether another run is to replace this one and has no step yet, so that parts of this one stand aside. */
  isReplaced: boolean;
}

/** Finds where the run that a folder holds is to be read, as {@link settleRun} would leave it, without changing anything. */
export const heldRun = async (path: string): Promise<HeldRun> => {
  const run = runFolder(path);
  const found = await asideOf(run);
  if (found === undefined) return { ...run, isReplaced: false };
  const { aside, hasBegun } = found;
  if (hasBegun && (await hasStep(run))) return { ...run, isReplaced: false };
  const held = { ...run, isReplaced: true };
  for (const part of Object.keys(run) as (keyof RunFolder)[]) {
    if (part !== 'path' && (hasBegun || (await isThere(aside[part])))) held[part] = aside[part];
  }
  return held;
};

/**
 * Checks that a run may begin in a folder: that it holds none, or one that may be replaced.
 *
 * @throws ERR_ZEST_RUN
 */
export const assertFree = async (path: string, { overwrite }: { overwrite: boolean }): Promise<void> => {
  const run = await heldRun(path);
  await assertRun(run);
  if (!overwrite) await assertNoRun(run);
  await assertAllOurs(run);
};

/**
 * Begins a run in a folder that is there, in place of what it holds of another, which is kept aside until
 * {@link settleRun} finds a step of the new one: whatever happens, one of the two is there.
 *
 * @throws ERR_ZEST_RUN where the folder holds no run but something else under the names of its parts; ERR_ZEST_FILE
 */
export const createRun = async <T>(run: RunFolder, config: object, begin: () => Promise<T>): Promise<T> => {
  await settleRun(run);
  await assertNoLinks(run);
  await assertRun(run);
  await assertAllOurs(run);
  await removeLeftovers(run.path);
  const aside = runFolder(join(run.path, ASIDE));
  const isReplaced = (await Promise.all((await partsOf(run)).map(isThere))).includes(true);
  if (isReplaced) {
    await writing(aside.path, makeFolder(aside.path));
    // The log first: without it the folder holds no run, and what was moved is put back.
    await moveParts((await partsOf(run)).reverse(), aside);
  }
  try {
    await writeConfig(run, config);
    return await begin();
  } catch (error) {
    await removeAll(run.trajectory);
    await settleRun(run);
    throw error;
  }
};

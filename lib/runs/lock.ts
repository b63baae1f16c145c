import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { closeAfter } from '../closing.ts';
import { ZestError } from '../errors.ts';
import { makeFolder, writing } from '../files/files.ts';
import { native } from '../native/load.ts';

/** Time between two looks at a folder that another process writes to. */
const POLL_MS = 100;
/** How long a writer waits for one: a reader that looks whether a run goes on has the lock for a moment. */
const PATIENCE_MS = 500;

/** What is locked for a folder: itself, or on Windows, which locks no folders, a file in it. */
const [IN_FOLDER, FLAGS] = process.platform === 'win32' ? ['.lock', 'a+'] : ['.', 'r'];

const tryLock = async (folder: string): Promise<FileHandle | undefined> => {
  const handle = await writing(folder, open(join(folder, IN_FOLDER), FLAGS));
  if (native().lockFile(handle.fd)) return handle;
  await handle.close();
  return undefined;
};

/**
 * Makes a folder, if need be, and takes the right to write to it, which lasts until the handle is closed (also when
 * nobody holds it any more) or the process ends in any way.
 *
 * @throws ERR_ZEST_RUN if another run has it, of this process or another
 */
export const lockFolder = async (folder: string): Promise<FileHandle> => {
  await writing(folder, makeFolder(folder));
  for (let waited = 0; ; waited += POLL_MS) {
    const handle = await tryLock(folder);
    if (handle) return handle;
    if (waited >= PATIENCE_MS) break;
    await delay(POLL_MS);
  }
  throw new ZestError(
    'ERR_ZEST_RUN',
    `${folder} is being written to by another run; wait for its end, or name another output`,
  );
};

/** Whether a run or a sweep of this machine writes to a folder. */
export const isLocked = async (folder: string): Promise<boolean> => {
  const handle = await tryLock(folder);
  await handle?.close();
  return handle === undefined;
};

/** Waits for whatever writes to a folder, as the runs of a sweep that was killed do until their step is done. */
export const folderUnlocked = async (folder: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const handle = await tryLock(folder);
    if (handle) return handle.close();
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
  }
};

/**
 * Yields what `work` does, with the right to write to a folder.
 *
 * @throws ERR_ZEST_RUN if another has it
 */
export async function* lockingFolder<T>(folder: string, work: () => AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const lock = await lockFolder(folder);
  yield* closeAfter(work(), [() => lock.close()]);
}

import { access, constants, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ZestError } from './errors.ts';

/** Waits for a write; one that fails rejects with ERR_ZEST_FILE naming the file. Errors that have a code of ours stay. */
export const writing = async <T>(file: string, write: Promise<T>): Promise<T> => {
  try {
    return await write;
  } catch (cause) {
    if (cause instanceof ZestError) throw cause;
    throw new ZestError('ERR_ZEST_FILE', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
};

/** Whether a path leads to something. */
export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Checks that a folder, or one to be made, can be written to. Nothing is made.
 *
 * @throws ERR_ZEST_FILE
 */
export const assertWritable = async (folder: string): Promise<void> => {
  let there = folder;
  while (!(await isThere(there)) && dirname(there) !== there) there = dirname(there);
  // A file is no folder: reading it as one says so.
  await writing(folder, readdir(there));
  await writing(folder, access(there, constants.W_OK));
};

/**
 * Replaces a file so that a reader sees the old content or the new, never a part: `write` makes a temporary file beside
 * it, which then takes its name, or is removed if anything fails.
 */
export const replaceFile = async (
  file: string,
  write: (temporary: string) => Promise<void>,
  temporary = `${file}.partial`,
): Promise<void> => {
  try {
    await write(temporary);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
};

/** Writes a whole file at once, as {@link replaceFile} does, and has it on disk. */
export const writeAtomic = (file: string, content: string | Uint8Array): Promise<void> =>
  writing(
    file,
    replaceFile(file, async (temporary) => {
      const handle = await open(temporary, 'w');
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  );

import { access, constants, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ZestError } from './errors.ts';

/** Waits for a write; one that fails rejects with ERR_ZEST_FILE naming the file. */
export const writing = async <T>(file: string, write: Promise<T>): Promise<T> => {
  try {
    return await write;
  } catch (cause) {
    throw new ZestError('ERR_ZEST_FILE', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
};

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Throws ERR_ZEST_FILE if a folder, or one to be made, could not be written to. Nothing is made. */
export const assertWritable = async (folder: string): Promise<void> => {
  let there = folder;
  while (!(await isThere(there)) && dirname(there) !== there) there = dirname(there);
  // A file is no folder: reading it as one says so.
  await writing(folder, readdir(there));
  await writing(folder, access(there, constants.W_OK));
};

const replace = async (file: string, content: string | Uint8Array): Promise<void> => {
  const temporary = `${file}.partial`;
  const handle = await open(temporary, 'w');
  try {
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
};

/** Writes a file so that a reader sees the old content or the new, never a part: a temporary file beside it, then a rename. */
export const writeAtomic = (file: string, content: string | Uint8Array): Promise<void> =>
  writing(file, replace(file, content));

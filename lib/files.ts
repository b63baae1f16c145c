import { access, constants, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ZestError } from './errors.ts';
import { notThere } from './not-there.ts';

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

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/**
 * Makes a folder, and those above it that are missing. (Node's own recursive `mkdir` never returns where the folder
 * above is there and takes none, as /proc.)
 *
 * @throws the system's error
 */
export const makeFolder = async (folder: string): Promise<void> => {
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      if (await isFolder(folder)) return;
      throw Object.assign(new Error('it is a file; expected the path of a folder', { cause: error }), { code });
    }
    const above = dirname(folder);
    if (code !== 'ENOENT' || above === folder || (await isThere(above))) throw error;
    await makeFolder(above);
    await makeFolder(folder);
  }
};

/**
 * Checks that a file can be written, before the work whose result it is to hold. Nothing is made.
 *
 * @throws ERR_ZEST_FILE
 */
export const assertWritableFile = async (file: string): Promise<void> => {
  if (await isFolder(file)) {
    throw new ZestError('ERR_ZEST_FILE', `cannot write ${file}: it is a folder; expected the path of a file`);
  }
  const folder = dirname(file);
  if (!(await isThere(folder))) {
    throw new ZestError('ERR_ZEST_FILE', `cannot write ${file}: ${notThere(folder)}; make that folder first`);
  }
  await writing(file, access(folder, constants.W_OK));
};

/**
 * Checks that a folder, or one to be made, can be written to. Nothing is made.
 *
 * @throws ERR_ZEST_FILE
 */
export const assertWritable = async (folder: string): Promise<void> => {
  let there = folder;
  while (!(await isThere(there)) && dirname(there) !== there) there = dirname(there);
  if (!(await isFolder(there))) {
    const which = there === folder ? 'it' : there;
    throw new ZestError('ERR_ZEST_FILE', `cannot write ${folder}: ${which} is a file; expected the path of a folder`);
  }
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

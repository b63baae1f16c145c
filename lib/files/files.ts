import { randomUUID } from 'node:crypto';
import {
  access,
  constants,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { ZestError } from '../errors.ts';
import { notThere } from './not-there.ts';

const naming =
  (act: string) =>
  async <T>(file: string, call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (cause) {
      if (cause instanceof ZestError) throw cause;
      throw new ZestError('ERR_ZEST_FILE', `cannot ${act} ${file}: ${(cause as Error).message}`, { cause });
    }
  };

/** Waits for a write; one that fails rejects with ERR_ZEST_FILE naming the file. Errors that have a code of ours stay. */
export const writing = naming('write');

/** Waits for a read, or a look, as {@link writing} does for a write. */
export const reading = naming('read');

/** Codes of errors that say that a path leads to nothing; by the last two it can lead nowhere. */
const LEADS_NOWHERE = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'];

/** Whether an error, or the one that an error of ours tells of, says that a path leads to nothing. */
const leadsNowhere = (error: unknown): boolean =>
  error instanceof ZestError
    ? leadsNowhere(error.cause)
    : LEADS_NOWHERE.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');

/** Whether an error says of a file that it is there and cannot be read. */
export const isUnreadable = (error: unknown): boolean =>
  error instanceof ZestError && error.code === 'ERR_ZEST_FILE' && error.cause !== undefined && !leadsNowhere(error);

/**
 * Waits for a read; undefined where the path leads to nothing. Any other failure is an error: a file that cannot be read
 * now, as with too many open ones, is there all the same, and must not be taken for one that is not.
 *
 * @throws ERR_ZEST_FILE
 */
export const ifThere = <T>(path: string, read: Promise<T>): Promise<T | undefined> =>
  reading(
    path,
    read.catch((error: unknown) => {
      if (!leadsNowhere(error)) throw error;
      return undefined;
    }),
  );

/**
 * Whether a path leads to something.
 *
 * @throws ERR_ZEST_FILE where that cannot be found out
 */
export const isThere = async (path: string): Promise<boolean> =>
  (await ifThere(
    path,
    access(path).then(() => true),
  )) ?? false;

const isFolder = async (path: string): Promise<boolean> => (await ifThere(path, stat(path)))?.isDirectory() ?? false;

/** Where a path leads: the end of a link, of one that leads to nothing yet, too; itself where it is no link. */
const followed = async (path: string): Promise<string> => {
  const link = await ifThere(
    path,
    readlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EINVAL') throw error; // what is no link
    }),
  );
  if (link === undefined) return path;
  // Links that lead in a circle have no end; a folder on the way may be a link itself.
  const end = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return end ?? followed(resolve(await realpath(dirname(path)), link));
};

/**
 * Refuses what is neither absent nor a file, or a link to one: a file that took the name of a device or a pipe would be
 * the end of it.
 *
 * @throws Error
 */
const assertReplaceable = async (file: string): Promise<void> => {
  const found = await ifThere(file, stat(file));
  if (found === undefined || found.isFile()) return;
  const what = found.isDirectory()
    ? 'a folder'
    : found.isFIFO()
      ? 'a pipe'
      : found.isSocket()
        ? 'a socket'
        : 'a device';
  throw new Error(`it is ${what}; expected the path of a file`);
};

/**
 * Opens a file to read parts of it. What is no file is asked for before: opening a pipe would wait for its other end.
 *
 * @throws Error
 */
export const openFile = async (file: string): Promise<FileHandle> => {
  if (!(await stat(file)).isFile()) throw new Error('it is no file');
  return open(file);
};

/**
 * Makes a folder, and those above it that are missing, and has their names on disk. (Node's own recursive `mkdir` never
 * returns where the folder above is there and takes none, as /proc.)
 *
 * @throws the system's error
 */
export const makeFolder = async (path: string): Promise<void> => {
  const folder = await followed(path);
  const fault = () =>
    mkdir(folder).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
  let error = await fault();
  const above = dirname(folder);
  if (error?.code === 'ENOENT' && above !== folder) {
    await makeFolder(above);
    error = await fault();
  }
  if (error === undefined) return flushFolder(above);
  const { code } = error;
  if (code !== 'EEXIST') throw error;
  if (await isFolder(folder)) return;
  throw Object.assign(new Error('it is a file; expected the path of a folder', { cause: error }), { code });
};

/**
 * Checks that a file can be written, before the work whose result it is to hold. Nothing is made.
 *
 * @throws ERR_ZEST_FILE
 */
export const assertWritableFile = async (file: string): Promise<void> => {
  await writing(file, assertReplaceable(file));
  const folder = dirname(await writing(file, followed(file)));
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
  const end = await writing(folder, followed(folder));
  let there = end;
  while (!(await isThere(there)) && dirname(there) !== there) there = dirname(there);
  if (!(await isFolder(there))) {
    const which = there === end ? 'it' : there;
    throw new ZestError('ERR_ZEST_FILE', `cannot write ${folder}: ${which} is a file; expected the path of a folder`);
  }
  await writing(folder, access(there, constants.W_OK));
};

/** Writes all bytes at a position; if that fails, what there is of them is taken away again. */
export const writeWhole = async (handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
      if (bytesWritten === 0) throw new Error('the file system takes no more');
      done += bytesWritten;
    }
  } catch (error) {
    await handle.truncate(position).catch(() => {});
    throw error;
  }
};

const WINDOWS = process.platform === 'win32';

/**
 * Waits until a file or a folder is on the disk. Windows wants the right to write for that, and flushes no folders.
 *
 * @throws ERR_ZEST_FILE
 */
export const flushPath = async (path: string): Promise<void> => {
  if (WINDOWS && (await isFolder(path))) return;
  const handle = await writing(path, open(path, WINDOWS ? 'r+' : 'r'));
  await writing(path, handle.sync()).finally(() => handle.close());
};

/** Waits until the names in a folder are on the disk; one that may be written to and not looked into cannot be asked. */
const flushFolder = async (folder: string): Promise<void> => {
  const canBeRead = await access(folder, constants.R_OK).then(
    () => true,
    () => false,
  );
  if (canBeRead) await flushPath(folder);
};

/** This machine, as the names of its temporary files have it. */
const HOST = hostname().replace(/[^\w]+/g, '_') || '_';

/** A name beside a file that says which process of which machine writes it: {@link removeLeftovers} knows it. */
export const temporaryName = (file: string): string =>
  `${file}.${HOST}-${process.pid}-${randomUUID().slice(0, 8)}.partial`;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
};

/** Removes the temporary files that processes of this machine which are gone left in a folder, of one file or of all. */
export const removeLeftovers = async (folder: string, of = ''): Promise<void> => {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const [, file, host, pid] = /^(.+)\.(\w+)-(\d+)-[0-9a-f]{8}\.partial$/.exec(name) ?? [];
    if (file === undefined || host !== HOST || (of !== '' && file !== of) || isAlive(Number(pid))) continue;
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
  }
};

/** Writes a temporary file beside a file, has it on disk, and puts it in its place; if anything fails, it is removed. */
const placed = async (
  file: string,
  write: (temporary: string) => Promise<void>,
  place: (temporary: string, file: string) => Promise<void>,
): Promise<void> => {
  await removeLeftovers(dirname(file), basename(file));
  const temporary = temporaryName(file);
  try {
    await write(temporary);
    await flushPath(temporary);
    await place(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await flushFolder(dirname(file));
};

/**
 * Replaces a file so that a reader sees the old content or the new, never a part, whoever else replaces it: `write` makes
 * a temporary file beside it, which then takes its name, on disk, or is removed if anything fails. One that a killed
 * process left is removed by the next that replaces the file. What a link leads to is replaced, and the link stays.
 *
 * @throws Error for a folder, a device or a pipe; what `write` throws
 */
export const replaceFile = async (path: string, write: (temporary: string) => Promise<void>): Promise<void> => {
  await assertReplaceable(path);
  await placed(await followed(path), write, rename);
};

/** Writes a whole file at once, as {@link replaceFile} does. */
export const writeAtomic = (file: string, content: string | Uint8Array): Promise<void> =>
  writing(
    file,
    replaceFile(file, (temporary) => writeFile(temporary, content)),
  );

/**
 * Writes a whole file at once, on disk, where there is none of that name.
 *
 * @throws the system's error, EEXIST where something has that name
 */
export const writeNew = (file: string, content: string): Promise<void> =>
  placed(
    file,
    (temporary) => writeFile(temporary, content),
    async (temporary) => {
      await link(temporary, file).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') throw error;
        // Not every file system has a second name for a file.
        await (await open(file, 'wx')).close();
        await rename(temporary, file);
      });
      await rm(temporary, { force: true });
    },
  );

import { existsSync } from 'node:fs';
import { copyFile, rename, rm, statfs, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ZestError } from '../errors.ts';
import { makeFolder, removeLeftovers, temporaryName, writeAtomic, writing } from '../files/files.ts';
import { listed } from '../text/show.ts';
import { cachedCommit, isCommit, rememberFiles, snapshot, storage, written } from './cache.ts';
import { downloadBlob, lackingBytes } from './download.ts';
import { tell } from './downloads.ts';
import { hubEnvironment } from './environment.ts';
import type { HubFile, Repository } from './repository.ts';
import { called } from './request.ts';

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

/** Puts a link to a blob at its path in a snapshot, at once; a copy where the system takes no links. */
const link = async (blob: string, path: string): Promise<void> => {
  const temporary = temporaryName(path);
  await makeFolder(dirname(path));
  await removeLeftovers(dirname(path), basename(path));
  try {
    await symlink(relative(dirname(path), blob), temporary);
  } catch {
    await copyFile(blob, temporary);
  }
  await rename(temporary, path).catch(async (error) => {
    await rm(temporary, { force: true });
    throw error;
  });
};

const assertRoom = async (folder: string, bytes: number, repository: Repository): Promise<void> => {
  await writing(folder, makeFolder(folder));
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  throw new ZestError(
    'ERR_ZEST_FILE',
    `${called(repository.name)} takes ${megabytes(bytes)}, and ${folder} has room for ${megabytes(bavail * bsize)}; make room, or name another folder in HF_HUB_CACHE`,
  );
};

/** The error of files that are not all in the cache, where nothing can be downloaded. */
const inPart = ({ name }: Repository, count: number, absent: readonly string[], offline: ZestError): ZestError => {
  const { cache, isOffline } = hubEnvironment();
  const why = isOffline
    ? 'HF_HUB_OFFLINE keeps the rest from being downloaded; unset that, or copy it there'
    : offline.message;
  return new ZestError(
    'ERR_ZEST_DOWNLOAD',
    `${called(name)} has ${count - absent.length} of ${count} wanted files in the cache ${cache}, and not ${listed(absent, 3)}; ${why}`,
    { cause: offline },
  );
};

/**
 * Has files of a repository in the cache, and gives the folder of its snapshot, where they stand under their names.
 * Those that are there are not asked for again. The revision leads there once all have come.
 *
 * @throws ERR_ZEST_DOWNLOAD for a file that is not there offline; what {@link downloadBlob} throws
 */
export const fetchFiles = async (
  repository: Repository,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<string> => {
  const { name, commit, files, license, offline } = repository;
  const folder = snapshot(name, commit);
  const absent = paths.filter((path) => !existsSync(join(folder, path)));
  if (absent.length > 0 && offline) throw inPart(repository, paths.length, absent, offline);
  const wanted = absent.map((path) => files.get(path) as HubFile);
  if (wanted.length > 0) {
    // By blob: files with the same content have one.
    const lacking = new Map<string, number>();
    for (const file of wanted) lacking.set(file.etag, await lackingBytes(name, file));
    const total = [...lacking.values()].reduce((sum, bytes) => sum + bytes, 0);
    await assertRoom(storage(name), total, repository);
    // Before the first file, so that what a cut leaves is known to be a part.
    await rememberFiles(name, commit, repository.paths);
    const said = { name: written(name), license, folder, total };
    // Where only links are lacking, nothing is downloaded.
    if (total > 0) tell({ ...said, done: 0 });
    let before = 0;
    for (const file of wanted) {
      const bytes = lacking.get(file.etag) ?? 0;
      const report = (there: number) => {
        const come = there - (file.size - bytes);
        // Less than was there comes of a beginning that was no good; 0 is what the first call says.
        if (come > 0) tell({ ...said, done: before + come });
      };
      await downloadBlob(repository, file, report, signal);
      const path = join(folder, file.path);
      await writing(path, link(join(storage(name), 'blobs', file.etag), path));
      before += bytes;
      lacking.delete(file.etag);
    }
    if (total > 0) tell({ ...said, done: total });
  } else if (!offline) {
    // Files that others have put there are enough, also where nothing can be written.
    await rememberFiles(name, commit, repository.paths).catch(() => {});
  }
  if (!offline && !isCommit(name.revision) && cachedCommit(name) !== commit) {
    const ref = join(storage(name), 'refs', ...name.revision.split('/'));
    await writing(ref, makeFolder(dirname(ref)));
    await writeAtomic(ref, commit);
  }
  return folder;
};

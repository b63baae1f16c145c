import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ZestError } from '../errors.ts';
import { makeFolder, writing } from '../files/files.ts';
import { native } from '../native/load.ts';
import { type HubName, lockFile, storage } from './cache.ts';
import { hubEnvironment } from './environment.ts';
import type { HubFile, Repository } from './repository.ts';
import { ask, called, MOST_TRIES, pause, reason, wait } from './request.ts';

/** Time between two looks at a file that another process downloads. */
const POLL_MS = 100;

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => -1,
  );

/** Number of bytes of a file that the cache lacks: none with its blob, the rest after a download that was cut. */
export const lackingBytes = async (name: HubName, { etag, size }: HubFile): Promise<number> => {
  const blob = join(storage(name), 'blobs', etag);
  if ((await sizeOf(blob)) === size) return 0;
  const there = await sizeOf(`${blob}.incomplete`);
  // What is longer than the file is no beginning of it.
  return there > 0 && there <= size ? size - there : size;
};

/** The hash that an etag is: sha256 of the content, or Git's sha1 of it with its length before. */
const hashOf = ({ etag, size }: HubFile): Hash =>
  etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);

/** Waits for the right to download a blob, which another process of this machine may have, one of Python's too. */
const lockBlob = async (name: HubName, etag: string, signal: AbortSignal | undefined): Promise<FileHandle> => {
  const file = lockFile(name, etag);
  await writing(file, makeFolder(dirname(file)));
  const handle = await writing(file, open(file, 'a'));
  try {
    while (!native().lockFile(handle.fd)) await wait(POLL_MS, signal);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
};

/** The body of an answer; one that stays silent for too long ends with an error. */
async function* arriving(response: Response): AsyncGenerator<Uint8Array> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { patience } = hubEnvironment();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing came for ${patience / 1000} s`)), patience);
      });
      const { value, done } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Brings a file to its full length, and gives the checksum of what it holds then. */
const fill = async (
  name: HubName,
  commit: string,
  file: HubFile,
  incomplete: string,
  report: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const handle = await writing(incomplete, open(incomplete, 'a+'));
  try {
    let hash = hashOf(file);
    let done = 0;
    const restart = async () => {
      await writing(incomplete, handle.truncate(0));
      hash = hashOf(file);
      done = 0;
    };
    if ((await handle.stat()).size > file.size) await restart();
    for await (const piece of createReadStream(incomplete)) {
      hash.update(piece);
      done += piece.length;
    }
    if (done > 0) report(done);
    const path = file.path.split('/').map(encodeURIComponent).join('/');
    const url = `/${name.kind === 'model' ? '' : 'datasets/'}${name.id}/resolve/${commit}/${path}`;
    // What is there again after a new beginning is no progress.
    let furthest = done;
    for (let tries = 0; done < file.size; ) {
      signal?.throwIfAborted();
      const headers: Record<string, string> = done > 0 ? { range: `bytes=${done}-` } : {};
      let cut: unknown = new Error('the connection ended early');
      const response = await ask(name, url, file.path, {
        headers: { ...headers, 'accept-encoding': 'identity' },
        signal,
      });
      const goesOn = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${done}-`);
      if (done > 0 && !goesOn) await restart();
      try {
        if (!response.ok) throw new Error(`the answer was ${response.status}`);
        for await (const piece of arriving(response)) {
          signal?.throwIfAborted();
          await writing(incomplete, handle.appendFile(piece));
          hash.update(piece);
          done += piece.length;
          report(Math.min(done, file.size));
          if (done > file.size) break;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof ZestError) throw error;
        cut = error;
      }
      if (done >= file.size) break;
      tries = done > furthest ? 1 : tries + 1;
      furthest = Math.max(furthest, done);
      if (tries >= MOST_TRIES) {
        throw new ZestError(
          'ERR_ZEST_DOWNLOAD',
          `${called(name)}: ${file.path} stops after ${done} of ${file.size} bytes, again and again: ${reason(cut)}. What came is kept, and gone on from`,
          { cause: cut },
        );
      }
      await pause(tries, signal);
    }
    report(Math.min(done, file.size));
    await writing(incomplete, handle.sync());
    return hash.digest('hex');
  } finally {
    await handle.close();
  }
};

/**
 * Downloads a file of a repository into its blob, going on where an earlier download, of this process or another, was
 * cut. The blob has its name only when all of it is there, on disk, and has the checksum that the hub says: until then it
 * is `ETAG.incomplete`, which is never read as the file.
 *
 * @param report hears of the bytes that are there
 * @throws ERR_ZEST_DOWNLOAD where the connection fails again and again, or the checksum is another; ERR_ZEST_FILE where
 * the disk does not take it; ERR_ZEST_HUB
 */
export const downloadBlob = async (
  { name, commit }: Repository,
  file: HubFile,
  report: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const blob = join(storage(name), 'blobs', file.etag);
  const isWhole = async () => (await sizeOf(blob)) === file.size;
  if (await isWhole()) return;
  const lock = await lockBlob(name, file.etag, signal);
  try {
    if (await isWhole()) return;
    await writing(blob, makeFolder(dirname(blob)));
    const incomplete = `${blob}.incomplete`;
    for (let isFirst = true; ; isFirst = false) {
      const checksum = await fill(name, commit, file, incomplete, report, signal);
      if (checksum === file.etag) break;
      await rm(incomplete, { force: true });
      if (isFirst) continue;
      throw new ZestError(
        'ERR_ZEST_DOWNLOAD',
        `${called(name)}: ${file.path} came twice with the checksum ${checksum}; expected ${file.etag}. What came was removed; the hub, or what stands between, changes it`,
      );
    }
    await writing(blob, rename(incomplete, blob));
  } finally {
    await lock.close();
  }
};

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { fetchedFolder } from '../model/fetched-folder.ts';
import { isGguf } from '../model/gguf/format.ts';
import { byUtf8 } from '../text/utf8-order.ts';

const unreadable = (path: string) => (cause: Error) => {
  throw new ZestError('ERR_ZEST_FILE', `cannot read ${path}: ${cause.message}`, { cause });
};

/**
 * 'sha256:…' of the contents of files, one after another.
 *
 * @throws ERR_ZEST_FILE
 */
export const digestOfFiles = async (files: readonly string[]): Promise<string> => {
  const hash = createHash('sha256');
  for (const file of files) {
    try {
      for await (const piece of createReadStream(file)) hash.update(piece);
    } catch (cause) {
      unreadable(file)(cause as Error);
    }
  }
  return `sha256:${hash.digest('hex')}`;
};

/**
 * The digest of a model's .safetensors files, one after another in the order of their names, or of a
 * GGUF file. A model of the hub is downloaded first.
 *
 * @throws ERR_ZEST_FILE, what {@link fetchedFolder} throws
 */
export const baseDigest = async (model: string, signal?: AbortSignal): Promise<string> => {
  const path = await fetchedFolder(model, 'weights', signal);
  const files = isGguf(path)
    ? [path]
    : (await readdir(path).catch(unreadable(path)))
        .filter((name) => name.endsWith('.safetensors'))
        .sort(byUtf8)
        .map((name) => join(path, name));
  return digestOfFiles(files);
};

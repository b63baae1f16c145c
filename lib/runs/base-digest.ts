import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { modelFolder } from '../model/built-in.ts';
import { isGguf } from '../model/gguf/format.ts';

/**
 * 'sha256:…' of the contents of a model's .safetensors files, one after another in the order of their names, or of a
 * GGUF file.
 */
export const baseDigest = async (model: string): Promise<string> => {
  const path = modelFolder(model);
  const files = isGguf(path)
    ? [path]
    : (await readdir(path))
        .filter((name) => name.endsWith('.safetensors'))
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map((name) => join(path, name));
  const hash = createHash('sha256');
  for (const file of files) {
    for await (const piece of createReadStream(file)) hash.update(piece);
  }
  return `sha256:${hash.digest('hex')}`;
};

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { modelFolder } from '../model/built-in.ts';

/** 'sha256:…' of the contents of a model's .safetensors files, one after another in the order of their names. */
export const baseDigest = async (model: string): Promise<string> => {
  const folder = modelFolder(model);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
  const hash = createHash('sha256');
  for (const name of names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    for await (const piece of createReadStream(join(folder, name))) hash.update(piece);
  }
  return `sha256:${hash.digest('hex')}`;
};

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ZestError } from '../errors.ts';
import { isThere, reading } from '../files/files.ts';
import { show } from '../text/show.ts';
import { lfsFault } from './git-lfs.ts';
import { modelFault } from './no-model.ts';
import { readTensors, type TensorEntry } from './safetensors.ts';

export const WEIGHTS = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';

/** Tensor name to the name of its shard, as the index says. */
const readIndex = async (file: string): Promise<Map<string, string>> => {
  const bad = (what: string, cause?: unknown) => new ZestError('ERR_ZEST_SAFETENSORS', `${file}: ${what}`, { cause });
  const text = await reading(file, readFile(file, 'utf8'));
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw bad(lfsFault(text) ?? `not a JSON file: ${(cause as Error).message}`, cause);
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw bad('weight_map is missing; expected an object of tensor names and file names');
  }
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !shard.endsWith('.safetensors') || basename(shard) !== shard) {
      throw bad(`tensor '${name}' is in ${show(shard)}; expected a .safetensors file of the same folder`);
    }
  }
  return new Map(Object.entries(map));
};

/**
 * The tensors of a model's folder by name: of model.safetensors, or of the shards that model.safetensors.index.json
 * names. Where several shards have one, the index decides which counts; what it names and no shard has is not there.
 *
 * @throws ERR_ZEST_FILE where there is none of them or one cannot be read, ERR_ZEST_SAFETENSORS where one is broken
 */
export const readCheckpoint = async (folder: string): Promise<Map<string, TensorEntry>> => {
  const single = join(folder, WEIGHTS);
  if (await isThere(single)) return new Map((await readTensors(single)).map((tensor) => [tensor.name, tensor]));
  const index = join(folder, INDEX);
  if (!(await isThere(index))) throw new ZestError('ERR_ZEST_FILE', modelFault(folder, 'weights'));
  const places = await readIndex(index);
  const tensors = new Map<string, TensorEntry>();
  for (const shard of new Set(places.values())) {
    for (const tensor of await readTensors(join(folder, shard))) {
      if ((places.get(tensor.name) ?? shard) === shard) tensors.set(tensor.name, tensor);
    }
  }
  return tensors;
};

import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ZestError } from '../errors.ts';
import { show } from '../show.ts';
import { readTensors, type TensorEntry } from './safetensors.ts';

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/** Tensor name to the name of its shard, as the index says. */
const readIndex = async (file: string): Promise<Map<string, string>> => {
  const bad = (what: string, cause?: unknown) => new ZestError('ERR_ZEST_SAFETENSORS', `${file}: ${what}`, { cause });
  let index: unknown;
  try {
    index = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw bad(`not a JSON file: ${(cause as Error).message}`, cause);
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
 * names.
 *
 * @throws ERR_ZEST_FILE where there is none of them or one cannot be read, ERR_ZEST_SAFETENSORS where one is broken or
 * the shards are not what the index says
 */
export const readCheckpoint = async (folder: string): Promise<Map<string, TensorEntry>> => {
  const single = join(folder, WEIGHTS);
  if (existsSync(single)) return new Map((await readTensors(single)).map((tensor) => [tensor.name, tensor]));
  const index = join(folder, INDEX);
  if (!existsSync(index)) {
    const isFolder = (await stat(folder).catch(() => undefined))?.isDirectory();
    const what = isFolder ? `has neither ${WEIGHTS} nor ${INDEX}` : 'is not a folder';
    throw new ZestError('ERR_ZEST_FILE', `${folder} ${what}; expected a Hugging Face model's folder`);
  }
  const places = await readIndex(index);
  const tensors = new Map<string, TensorEntry>();
  for (const shard of new Set(places.values())) {
    for (const tensor of await readTensors(join(folder, shard))) {
      if (places.get(tensor.name) !== shard) {
        const expected = places.get(tensor.name) ?? 'nowhere';
        throw new ZestError(
          'ERR_ZEST_SAFETENSORS',
          `${tensor.file}: tensor '${tensor.name}' is here, but ${INDEX} says that it is ${expected === 'nowhere' ? expected : `in ${expected}`}`,
        );
      }
      tensors.set(tensor.name, tensor);
    }
  }
  for (const [name, shard] of places) {
    if (tensors.has(name)) continue;
    throw new ZestError(
      'ERR_ZEST_SAFETENSORS',
      `${join(folder, shard)}: tensor '${name}' is missing, which ${INDEX} says is here`,
    );
  }
  return tensors;
};

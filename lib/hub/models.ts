import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { ZestError } from '../errors.ts';
import { listed } from '../text/show.ts';
import { type HubName, snapshot, written } from './cache.ts';
import { fetchFiles } from './fetch-files.ts';
import { knownCommit, openRepository, type Repository } from './repository.ts';

/** What is needed of a model: its configuration and its tokenizer, or its weights, too. */
export type ModelParts = 'tokenizer' | 'weights';

/** A model of the hub, or a GGUF file in its repository. */
interface HubModel {
  name: HubName;
  file: string | undefined;
}

// A branch may have slashes: it is as short as may be, so that the rest is the path of a GGUF file, if it is one.
const NAME =
  /^((?:[\w-][\w.-]*\/)?[\w-][\w.-]*?)(?:@(refs\/(?:pr|convert)\/[\w.-]+|\w[\w.-]*(?:\/\w[\w.-]*)*?))?(?:\/(.+\.gguf))?$/i;

/**
 * The model of the hub that a name stands for: `name`, `org/name`, `org/name@revision`, or `org/name/file.gguf`. What is
 * there as a file or a folder is none, nor what leads into a folder that is there.
 */
const hubModel = (name: string): HubModel | undefined => {
  const [, id, revision = 'main', file] = NAME.exec(name) ?? [];
  if (id === undefined || isAbsolute(name) || existsSync(name)) return undefined;
  const [first, ...others] = id.split('/') as [string, ...string[]];
  if (others.length > 0 ? existsSync(first) : file !== undefined || /\.gguf$/i.test(first)) return undefined;
  return { name: { kind: 'model', id, revision }, file };
};

/** Where the cache has a model of the hub; undefined for other names, and for what was not downloaded. */
export const cachedModel = (name: string): string | undefined => {
  const model = hubModel(name);
  const commit = model && knownCommit(model.name);
  if (model === undefined || commit === undefined) return undefined;
  const path = join(snapshot(model.name, commit), model.file ?? '');
  return existsSync(path) ? path : undefined;
};

/** Files that describe a model and its tokenizer, in the folder itself. */
const DESCRIPTION =
  /^((config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|adapter_config)\.json|merges\.txt|vocab\.txt|[\w.]*\.model|chat_template\.jinja)$/;

const WEIGHTS = /^(model\.safetensors|adapter_model\.safetensors)$/;
const SHARDED = /^model(\.safetensors\.index\.json|-\d+-of-\d+\.safetensors)$/;

/** What a repository without weights as they are read has instead, and what to do about it. */
const instead = ({ paths }: Repository, name: HubName): string => {
  const id = written(name);
  const gguf = paths.filter((path) => /\.gguf$/i.test(path));
  if (gguf.length > 0) return `it has ${listed(gguf, 5)}; name one of them: ${id}/${gguf[0]}`;
  const pickled = paths.find((path) => /^pytorch_model.*\.bin$/.test(path));
  if (pickled !== undefined) {
    return `it has ${pickled}, a pickle of Python, which is not opened; AutoModel.from_pretrained('${name.id}').save_pretrained('FOLDER') of transformers (with the class that config.json names, for its head) writes safetensors, and AutoTokenizer the tokenizer`;
  }
  return `it has ${listed(paths, 5) || 'no files'}`;
};

/**
 * Has a model of the hub in the cache, as far as it is needed. Does nothing for a folder, a file, or a built-in model.
 *
 * @throws ERR_ZEST_HUB for a name that the hub does not have or does not give, and for one without weights that can be
 * read; ERR_ZEST_DOWNLOAD where it cannot be downloaded; ERR_ZEST_FILE where the disk does not take it
 */
export const fetchModel = async (name: string, parts: ModelParts, signal?: AbortSignal): Promise<void> => {
  const model = hubModel(name);
  if (!model) return;
  const repository = await openRepository(model.name, signal);
  const { paths } = repository;
  if (model.file !== undefined) {
    if (!paths.includes(model.file)) {
      throw (
        repository.offline ??
        new ZestError(
          'ERR_ZEST_HUB',
          `the model ${written(model.name)} has no file ${model.file}; ${instead(repository, model.name)}`,
        )
      );
    }
    await fetchFiles(repository, [model.file], signal);
    return;
  }
  const single = paths.filter((path) => WEIGHTS.test(path));
  const weights = single.length > 0 ? single : paths.filter((path) => SHARDED.test(path));
  if (weights.length === 0 && (parts === 'weights' || !repository.offline)) {
    throw (
      repository.offline ??
      new ZestError(
        'ERR_ZEST_HUB',
        `the model ${written(model.name)} has no safetensors; ${instead(repository, model.name)}`,
      )
    );
  }
  const described = paths.filter((path) => DESCRIPTION.test(path));
  await fetchFiles(repository, parts === 'weights' ? [...described, ...weights] : described, signal);
};

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ZestError } from '../errors.ts';
import { isThere } from '../files/files.ts';
import type { ModelParts } from '../hub/models.ts';
import { isObject, readJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import { somethingElse } from '../text/what-is.ts';
import { withinTime } from '../time-limit.ts';
import { modelFolder } from './built-in.ts';
import { fetchedFolder } from './fetched-folder.ts';
import { lfsFault } from './git-lfs.ts';
import { labelsOf } from './labels.ts';
import { type PeftConfig, peftConfig } from './peft-config.ts';
import { readTensors, type TensorEntry } from './safetensors.ts';
import { VOCABULARY_FILES } from './tokenizer-files.ts';

export const ADAPTER_CONFIG = 'adapter_config.json';
export const ADAPTER_WEIGHTS = 'adapter_model.safetensors';

const MATCH_SECONDS = 2;

/** Before every name in the weights of an adapter. */
export const WRAPPER = 'base_model.model.';
/** Between the name of a module that LoRA is put on and those of its own tensors. */
export const BASE_LAYER = '.base_layer.';

/** LoRA as PEFT keeps it in a folder. */
export interface StoredAdapter extends Omit<PeftConfig, 'isTarget'> {
  folder: string;
  /** A and B by the names of their modules, as transformers calls them. */
  modules: ReadonlyMap<string, { a: TensorEntry; b: TensorEntry }>;
  /** Tensors that replace those of the base: of modules that were trained with it, and of some that LoRA is put on. */
  replaced: ReadonlyMap<string, TensorEntry>;
}

/** Whether a folder holds an adapter, and no model of its own. */
export const isAdapterFolder = (folder: string): boolean =>
  existsSync(join(folder, ADAPTER_CONFIG)) && !existsSync(join(folder, 'model.safetensors'));

/**
 * Reads an adapter of PEFT: adapter_config.json and adapter_model.safetensors.
 *
 * @throws ERR_ZEST_FILE, ERR_ZEST_CONFIG_JSON or ERR_ZEST_SAFETENSORS for files that are missing or broken,
 * ERR_ZEST_UNSUPPORTED for an adapter that is no plain LoRA
 */
const readAdapter = async (folder: string): Promise<StoredAdapter> => {
  const file = join(folder, ADAPTER_CONFIG);
  const bad = (what: string, cause?: unknown) => new ZestError('ERR_ZEST_CONFIG_JSON', `${file}: ${what}`, { cause });
  const text = await readFile(file, 'utf8').catch((cause) => {
    const other = somethingElse(folder, 'adapter');
    const message = other
      ? `${folder} ${other}`
      : `${file} cannot be read; an adapter is a folder that PEFT wrote: ${(cause as Error).message}`;
    throw new ZestError('ERR_ZEST_FILE', message, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad(lfsFault(text) ?? `not JSON: ${(cause as Error).message}`, cause);
  }
  if (!isObject(json)) throw bad('expected a JSON object');
  const { isTarget, ...config } = peftConfig(file, json);
  const unsupported = (what: string) => new ZestError('ERR_ZEST_UNSUPPORTED', `${file}: ${what}`);
  const modules = new Map<string, { a: TensorEntry; b: TensorEntry }>();
  const replaced = new Map<string, TensorEntry>();
  const tensors = new Map(
    (await readTensors(join(folder, ADAPTER_WEIGHTS))).map((tensor) => [
      (tensor.name.startsWith(WRAPPER) ? tensor.name.slice(WRAPPER.length) : tensor.name).replace('.default.', '.'),
      tensor,
    ]),
  );
  for (const [name, tensor] of tensors) {
    const [, module, part] = /^(.*)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if (module === undefined) {
      if (name.includes('.lora_')) throw unsupported(`tensor '${name}' is of no linear layer`);
      const own = name.replace('.modules_to_save.', '.').replace(BASE_LAYER, '.');
      replaced.set(own, { ...tensor, name: own });
    } else {
      const [a, b] = ['A', 'B'].map((each) => tensors.get(`${module}.lora_${each}.weight`));
      if (!a || !b) {
        const message = `${tensor.file}: '${module}' has lora_${part} and no lora_${part === 'A' ? 'B' : 'A'}`;
        throw new ZestError('ERR_ZEST_TENSOR_MISSING', message);
      }
      modules.set(module, { a, b });
    }
  }
  if (modules.size === 0) throw unsupported('the adapter has no tensors of LoRA');
  // What they say may be a regular expression, which may take more time than anyone has.
  const keys = 'target_modules, exclude_modules and layers_to_transform';
  const leftOut = withinTime(
    MATCH_SECONDS,
    () => [...modules.keys()].find((module) => !isTarget(module)),
    () => unsupported(`${keys} take more than ${MATCH_SECONDS} s to be matched; expected lists of names`),
  );
  if (leftOut !== undefined) {
    throw unsupported(`${keys} leave out '${leftOut}', which the adapter has tensors for; PEFT would not use those`);
  }
  return { folder, modules, replaced, ...config };
};

/** What a model is loaded from. */
export interface AdaptedSource {
  /** The folder that was named, or that of the adapter: a tokenizer may be there. */
  folder: string;
  /** The folder of the configuration and the weights. */
  base: string;
  adapter: StoredAdapter | undefined;
  /** Names of the classes of a head that the adapter brings, where a config.json is beside it. */
  labels: string[] | undefined;
}

/**
 * Finds what a model is loaded from: a folder, or a name of the hub, with an adapter to put on it if `adapter` names one;
 * or the folder of an adapter, with the base that it names. What is on the hub is downloaded, as far as `parts` says.
 *
 * @throws ERR_ZEST_FILE for a base that is not there, what {@link readAdapter} and {@link fetchedFolder} throw
 */
export const adaptedSource = async (
  name: string,
  adapter: string | undefined,
  parts: ModelParts,
  signal?: AbortSignal,
): Promise<AdaptedSource> => {
  const folder = await fetchedFolder(name, parts, signal);
  const place =
    adapter !== undefined
      ? await fetchedFolder(adapter, 'weights', signal)
      : isAdapterFolder(folder)
        ? folder
        : undefined;
  if (place === undefined) return { folder, base: folder, adapter: undefined, labels: undefined };
  // An adapter is small, and what it is put on is known by its weights.
  if (adapter === undefined) await fetchedFolder(name, 'weights', signal);
  const stored = await readAdapter(place);
  const base = adapter === undefined ? await fetchedFolder(stored.base ?? '', parts, signal) : folder;
  if (adapter === undefined && !existsSync(base)) {
    const message = `${join(place, ADAPTER_CONFIG)}: base_model_name_or_path is ${show(stored.base ?? null)}, which is not a folder; load the base with this folder as adapter`;
    throw new ZestError('ERR_ZEST_FILE', message);
  }
  const json = await readJson(join(place, 'config.json'));
  const labels = isObject(json) && stored.replaced.size > 0 ? labelsOf(json) : undefined;
  return { folder, base, adapter: stored, labels };
};

/** Whether a model is read with the tokenizer of its own folder; an adapter may have come without one. */
export const hasOwnTokenizer = async (folder: string): Promise<boolean> => {
  if (!isAdapterFolder(folder)) return true;
  return (await Promise.all(VOCABULARY_FILES.map((name) => isThere(join(folder, name))))).includes(true);
};

/**
 * The folder that the tokenizer of a model is in: that of the base for an adapter without one.
 *
 * @throws what {@link adaptedSource} throws
 */
export const tokenizerFolder = async (name: string, signal?: AbortSignal): Promise<string> => {
  const folder = await fetchedFolder(name, 'tokenizer', signal);
  return (await hasOwnTokenizer(folder)) ? folder : (await adaptedSource(name, undefined, 'tokenizer', signal)).base;
};

/** How an adapter names its base: by the name of a built-in model or of the hub, others by their path from the root. */
export const baseName = (name: string, base: string): string =>
  base !== name && modelFolder(name) === base && !name.includes('@') ? name : resolve(base);

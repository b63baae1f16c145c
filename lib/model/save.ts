import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rangeError, ZestError } from '../errors.ts';
import { isThere, makeFolder, replaceFile } from '../files/files.ts';
import type { NativeEngine } from '../native/binding.ts';
import { isObject } from '../text/json.ts';
import { INDEX, WEIGHTS } from './checkpoint.ts';
import type { ModelConfig } from './config-json.ts';
import type { Description } from './description.ts';
import { architectureHead, architectureOf } from './head.ts';
import { labelKeys, labelsOf } from './labels.ts';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS } from './peft.ts';
import { type AdapterParts, adapterConfig } from './peft-save.ts';
import { safetensorsHeader } from './safetensors.ts';
import type { TokenizerFiles } from './tokenizer-files.ts';

/** What a model was loaded from, and what it is saved as. */
export interface Origin {
  tokenizer: TokenizerFiles;
  /** The model that an adapter is put on, as a later process finds it. */
  base: string;
  config: ModelConfig;
  description: Description;
  dtype: 'float32' | 'bfloat16';
}

/** The configuration with which transformers loads the weights as they are saved. */
const savedConfig = ({ config, description, dtype }: Origin): Record<string, unknown> => {
  const { head, labels, problemType, spec, tied } = description;
  const { json, family } = config;
  const typeKeys = ['dtype', 'torch_dtype'].filter((key) => key in json);
  const saved: Record<string, unknown> = { ...json };
  for (const key of typeKeys.length > 0 ? typeKeys : ['dtype']) saved[key] = dtype;
  if (config.flag(family.config.tied) !== tied) saved[family.config.tied[0]] = tied;
  if (architectureHead(config) !== head.kind) saved.architectures = [architectureOf(family, head.kind)];
  if (head.kind !== 'classifier') return saved;
  const isRenamed = labels !== undefined && String(labels) !== String(labelsOf(json));
  const named = isObject(json.id2label) ? Object.keys(json.id2label).length : 2;
  if (head.initialize || isRenamed || named !== spec.outputs) Object.assign(saved, labelKeys(labels, spec.outputs));
  if (head.initialize && ('problem_type' in json || problemType !== 'single_label_classification'))
    saved.problem_type = problemType;
  return saved;
};

const writeContent = (file: string, content: string | Uint8Array): Promise<void> =>
  replaceFile(file, (temporary) => writeFile(temporary, content));

const jsonOf = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

const writeWeights = (
  file: string,
  engine: NativeEngine,
  { description: { shapes }, dtype }: Origin,
  tensors: readonly { index: number; name: string }[],
  metadata: Metadata,
): Promise<void> => {
  const type = dtype === 'float32' ? 'F32' : 'BF16';
  const header = safetensorsHeader(
    tensors.map(({ index, name }) => ({ name, dtype: type, shape: shapes[index] ?? [] })),
    metadata,
  );
  return replaceFile(file, (temporary) =>
    engine.writeFile(
      temporary,
      header,
      Int32Array.from(tensors, ({ index }) => index),
    ),
  );
};

/** Writes what goes with the weights: config.json and the tokenizer's files. */
const writeRest = async (folder: string, origin: Origin): Promise<void> => {
  await makeFolder(folder);
  for (const [name, content] of await origin.tokenizer()) await writeContent(join(folder, name), content);
  await writeContent(join(folder, 'config.json'), jsonOf(savedConfig(origin)));
};

/** LoRA as PEFT's files, under the names of the class that the model has in transformers. */
const saveAdapter = async (
  folder: string,
  engine: NativeEngine,
  origin: Origin,
  parts: AdapterParts,
  metadata: Metadata,
): Promise<void> => {
  const { config, description } = origin;
  const speaks = config.family.causal ? 'CAUSAL_LM' : null;
  const task = parts.bringsHead ? 'SEQ_CLS' : description.head.kind === 'classifier' ? null : speaks;
  const json = adapterConfig(parts, config.family, { layers: config.layers, task, base: origin.base });
  await writeRest(folder, origin);
  await writeContent(join(folder, ADAPTER_CONFIG), jsonOf(json));
  await writeWeights(join(folder, ADAPTER_WEIGHTS), engine, origin, parts.tensors, metadata);
};

/** What is saved of a model with LoRA: the weights that it is merged into, PEFT's files, or both. */
export type SavedWeights = 'merged' | 'adapter' | 'both';

/** Where `both` has PEFT's files. */
const BESIDE = 'adapter';

/**
 * The files by which a folder is known to hold weights, by what was saved; those that it loads with come first. A model
 * in shards is another's, and model.safetensors is read before it.
 */
const FILES: Readonly<Record<SavedWeights, readonly string[]>> = {
  both: [WEIGHTS, INDEX, join(BESIDE, ADAPTER_WEIGHTS), join(BESIDE, ADAPTER_CONFIG)],
  merged: [WEIGHTS, INDEX],
  adapter: [ADAPTER_WEIGHTS, ADAPTER_CONFIG],
};

/** What is saved in a folder, and its files of weights, the one first that the folder loads with; undefined if nothing is. */
export const savedIn = async (folder: string): Promise<{ weights: SavedWeights; files: string[] } | undefined> => {
  for (const weights of Object.keys(FILES) as SavedWeights[]) {
    const files = FILES[weights].filter((name) => name.endsWith('.safetensors'));
    const found = await Promise.all(files.map((name) => isThere(join(folder, name))));
    if (!found.includes(false)) return { weights, files };
  }
  return undefined;
};

/**
 * Checks that a folder has none of the files that saving makes for another kind: they would stay, of other weights, and
 * might be what is loaded. None is removed, for it may be somebody's only copy, or the base of the adapter that is saved.
 *
 * @throws ERR_ZEST_FILE
 */
export const assertNoOtherWeights = async (folder: string, weights: SavedWeights): Promise<void> => {
  for (const name of Object.values(FILES).flat()) {
    if (FILES[weights].includes(name) || !(await isThere(join(folder, name)))) continue;
    throw new ZestError(
      'ERR_ZEST_FILE',
      `${folder} has ${name}, which saving with weights '${weights}' would leave beside the new weights; expected a folder without it: remove it, or name another`,
    );
  }
};

/** Texts by name. */
type Metadata = Readonly<Record<string, string>>;

/** How a model is saved. */
export interface SaveOptions {
  /** What is saved of LoRA. Default `merged`. */
  weights?: SavedWeights;
  /** Texts that the header of the weights' file holds beside `format`. Default: none. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Saves the weights as model.safetensors under the checkpoint's names, with config.json and the tokenizer's files, so
 * that transformers loads the folder. LoRA is merged into the weights, or saved as PEFT's files; a prefix is saved as
 * tensors of its own. The weights come last; each file is replaced at once, so that the folder it was loaded from may be
 * given, where it holds the same kind of weights.
 *
 * @throws ERR_ZEST_FILE, also where the folder has other weights that would stay; ERR_ZEST_OPTION where there is no LoRA
 *   to be saved alone; ERR_ZEST_WEIGHTS_NOT_FINITE naming a trained tensor
 */
export const saveModel = async (
  folder: string,
  engine: NativeEngine,
  origin: Origin,
  { weights = 'merged', metadata = {} }: SaveOptions,
): Promise<void> => {
  const { spec, merged, adapter } = origin.description;
  if (weights !== 'merged' && !adapter) {
    throw rangeError('ERR_ZEST_OPTION', `weights is '${weights}'; expected 'merged' for a model without LoRA`);
  }
  await assertNoOtherWeights(folder, weights);
  if (weights === 'both') await assertNoOtherWeights(join(folder, BESIDE), 'adapter');
  const bad = await engine.notFinite();
  if (bad >= 0) {
    throw new ZestError(
      'ERR_ZEST_WEIGHTS_NOT_FINITE',
      `tensor '${spec.parameters[bad]?.name}' is not finite, and nothing is saved in ${folder}; expected numbers, which Model.load takes alone`,
    );
  }
  try {
    if (adapter && weights === 'adapter') await saveAdapter(folder, engine, origin, adapter, metadata);
    if (adapter && weights === 'both') await saveAdapter(join(folder, BESIDE), engine, origin, adapter, metadata);
    if (weights !== 'adapter') {
      await writeRest(folder, origin);
      const tensors = spec.parameters.map(({ name }, index) => ({ index, name }));
      const kept = tensors.filter(({ index }) => !merged.has(index));
      await writeWeights(join(folder, WEIGHTS), engine, origin, kept, metadata);
    }
  } catch (cause) {
    if (cause instanceof ZestError) throw cause;
    throw new ZestError('ERR_ZEST_FILE', `${folder}: the model cannot be saved: ${(cause as Error).message}`, {
      cause,
    });
  }
};

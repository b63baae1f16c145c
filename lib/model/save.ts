import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { makeFolder, replaceFile } from '../files.ts';
import type { NativeEngine } from '../native/binding.ts';
import type { ModelConfig } from './config-json.ts';
import type { Description } from './description.ts';
import { architectureHead, architectureOf } from './head.ts';
import { safetensorsHeader } from './safetensors.ts';

/** Files beside the weights that a tokenizer may consist of. */
const TOKENIZER_FILES = [
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'],
  ...['vocab.txt', 'vocab.json', 'merges.txt', 'sentencepiece.bpe.model'],
];

/** What a model was loaded from, and what it is saved as. */
export interface Origin {
  folder: string;
  config: ModelConfig;
  description: Description;
  dtype: 'float32' | 'bfloat16';
}

/** Replaces a file at once; two that save to one folder have temporary files of their own. */
const replace = (file: string, write: (temporary: string) => Promise<void>): Promise<void> =>
  replaceFile(file, write, `${file}.${randomUUID()}.partial`);

const WINDOWS = process.platform === 'win32';

/** Waits until a file is on the disk. Windows wants the right to write for that. */
const flush = async (path: string): Promise<void> => {
  const handle = await open(path, WINDOWS ? 'r+' : 'r');
  await handle.sync().finally(() => handle.close());
};

/** The configuration with which transformers loads the weights as they are saved. */
const savedConfig = ({ config, description: { head }, dtype }: Origin): Record<string, unknown> => {
  const { json, family } = config;
  const typeKeys = ['dtype', 'torch_dtype'].filter((key) => key in json);
  const saved: Record<string, unknown> = { ...json };
  for (const key of typeKeys.length > 0 ? typeKeys : ['dtype']) saved[key] = dtype;
  if (architectureHead(config) !== head.kind) saved.architectures = [architectureOf(family, head.kind)];
  if (head.kind === 'classifier' && head.initialize) {
    const labels = Array.from({ length: head.initialize.classes }, (_, label) => `LABEL_${label}`);
    saved.num_labels = labels.length;
    saved.id2label = { ...labels };
    saved.label2id = Object.fromEntries(labels.map((name, label) => [name, label]));
  }
  return saved;
};

/**
 * Saves the weights as model.safetensors under the checkpoint's names, with config.json and the tokenizer's files, so
 * that transformers loads the folder. LoRA is merged into the weights; a prefix is saved as tensors of its own. The
 * weights come last; each file is replaced at once, so that the folder it was loaded from may be given.
 *
 * @throws ERR_ZEST_FILE
 */
export const saveModel = async (folder: string, engine: NativeEngine, origin: Origin): Promise<void> => {
  const { spec, shapes, merged } = origin.description;
  const dtype = origin.dtype === 'float32' ? 'F32' : 'BF16';
  const indexes = [...spec.parameters.keys()].filter((index) => !merged.has(index));
  const tensors = indexes.map(
    (i) => ({ name: spec.parameters[i]?.name ?? '', dtype, shape: shapes[i] ?? [] }) as const,
  );
  try {
    await makeFolder(folder);
    for (const name of TOKENIZER_FILES) {
      const source = join(origin.folder, name);
      if (!existsSync(source)) continue;
      await replace(join(folder, name), async (temporary) => {
        await copyFile(source, temporary);
        await flush(temporary);
      });
    }
    const json = `${JSON.stringify(savedConfig(origin), null, 2)}\n`;
    await replace(join(folder, 'config.json'), async (temporary) => {
      await writeFile(temporary, json);
      await flush(temporary);
    });
    await replace(join(folder, 'model.safetensors'), (temporary) =>
      engine.writeFile(temporary, safetensorsHeader(tensors), Int32Array.from(indexes)),
    );
    if (!WINDOWS) await flush(folder); // which flushes no folders
  } catch (cause) {
    if (cause instanceof ZestError) throw cause;
    throw new ZestError('ERR_ZEST_FILE', `${folder}: the model cannot be saved: ${(cause as Error).message}`, {
      cause,
    });
  }
};

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { isGguf, readGguf } from './gguf/format.ts';
import { ggufTokenizer } from './gguf/tokenizer.ts';

/** Files of which a tokenizer is made by one alone, or with others. */
export const VOCABULARY_FILES = ['tokenizer.json', 'vocab.txt', 'vocab.json'];

/** Files beside the weights that a tokenizer may consist of. */
export const TOKENIZER_FILES = [
  ...VOCABULARY_FILES,
  ...['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'],
  ...['merges.txt', 'sentencepiece.bpe.model', 'spiece.model', 'tokenizer.model'],
  ...['chat_template.jinja', 'generation_config.json'],
];

/** Gives the files of a tokenizer by name. */
export type TokenizerFiles = () => Promise<ReadonlyMap<string, Uint8Array>>;

/** The files that a GGUF file stands for. */
const ofGguf = async (file: string): Promise<ReadonlyMap<string, Uint8Array>> => {
  const { json, config } = ggufTokenizer(await readGguf(file));
  return new Map([
    ['tokenizer.json', Buffer.from(`${JSON.stringify(json)}\n`)],
    ['tokenizer_config.json', Buffer.from(`${JSON.stringify(config)}\n`)],
  ]);
};

/**
 * Reads the files of a tokenizer that a model's folder has, to be kept with the model, so that it can be saved whole
 * whatever becomes of the folder. A GGUF file is read again when it is saved.
 *
 * @throws ERR_ZEST_FILE for one that is there and cannot be read
 */
export const readTokenizerFiles = async (folder: string): Promise<TokenizerFiles> => {
  if (isGguf(folder)) return () => ofGguf(folder);
  const files = new Map<string, Uint8Array>();
  for (const name of TOKENIZER_FILES) {
    const file = join(folder, name);
    try {
      files.set(name, await readFile(file));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw new ZestError('ERR_ZEST_FILE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
    }
  }
  return async () => files;
};

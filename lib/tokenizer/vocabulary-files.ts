import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenizerClass } from './classes.ts';
import type { TokenizerJson } from './json.ts';

/** The lines of a file, which git may have written with CR LF. */
const lines = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8')).replace(/\r?\n$/, '').split(/\r?\n/);

/**
 * Makes what tokenizer.json would say of the files that BERT's and GPT-2's tokenizers had before it: vocab.txt, or
 * vocab.json with merges.txt. Undefined where the folder has no such files, or the class is of another kind.
 */
export const tokenizerOfVocabulary = async (
  folder: string,
  tokenizer: TokenizerClass | undefined,
): Promise<TokenizerJson | undefined> => {
  const [words, vocabulary, merges] = ['vocab.txt', 'vocab.json', 'merges.txt'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const base = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null };
  if (tokenizer?.model === 'WordPiece' && existsSync(words)) {
    const vocab = Object.fromEntries((await lines(words)).map((word, id) => [word, id]));
    const model = { type: 'WordPiece', unk_token: tokenizer.special.unk, continuing_subword_prefix: '##', vocab };
    return { ...base, decoder: { type: 'WordPiece', prefix: '##', cleanup: true }, model };
  }
  if (tokenizer?.model === 'BPE' && tokenizer.pipeline && existsSync(vocabulary) && existsSync(merges)) {
    const vocab = JSON.parse(await readFile(vocabulary, 'utf8'));
    const pairs = (await lines(merges)).filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')));
    return { ...base, decoder: { type: 'ByteLevel' }, model: { type: 'BPE', vocab, merges: pairs } as never };
  }
  return undefined;
};

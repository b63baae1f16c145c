import { ZestError } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

const labelWordError = (word: unknown, fault: string): Error =>
  new ZestError('ERR_ZEST_LABEL_WORD', `label word ${JSON.stringify(word)} ${fault}`);

/**
 * The token id of each label word, as it is with a space before it: LM-BFF and MeZO do so even where a template begins
 * with the mask.
 *
 * @throws ERR_ZEST_LABEL_WORD naming the word that is empty, not exactly one token, unknown, or the token of an earlier word
 */
export const labelWordIds = (words: readonly string[], tokenizer: Tokenizer): number[] => {
  const ids: number[] = [];
  for (const word of words) {
    if (word.trim() === '') throw labelWordError(word, 'is empty');
    const tokens = tokenizer.tokenize(` ${word}`);
    const id = tokens[0];
    if (id === undefined || tokens.length !== 1) {
      const spelt = tokens.map((token) => JSON.stringify(tokenizer.token(token))).join(' ');
      throw labelWordError(word, `must be one token and is ${tokens.length} (${spelt})`);
    }
    if (id === tokenizer.unknownId) throw labelWordError(word, 'is not in the vocabulary');
    const earlier = ids.indexOf(id);
    if (earlier >= 0) throw labelWordError(word, `is the same token as ${JSON.stringify(words[earlier])}`);
    ids.push(id);
  }
  return ids;
};

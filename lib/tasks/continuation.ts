import type { Tokenizer } from './tokenizer.ts';

/** Scripts that are written without spaces between words. */
export const WITHOUT_SPACES =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** What a word stands behind where it follows a text at once; the others serve where it forms one token with the first. */
const CONTEXTS = [',', '。', '-'];

/** The tokens of a text that follows another; undefined where they cannot be told from those of that. */
export const tokensBehind = (before: string, text: string, tokenizer: Tokenizer): number[] | undefined => {
  for (const context of [before, ...CONTEXTS].filter((each) => each !== '')) {
    const alone = tokenizer.tokenize(context);
    const both = tokenizer.tokenize(context + text);
    if (both.length > alone.length && alone.every((id, i) => both[i] === id)) return both.slice(alone.length);
  }
  return undefined;
};

/** The special token that a text spells out, such as `</s>`, which plain text never holds; undefined for other texts. */
export const specialToken = (text: string, tokenizer: Tokenizer): number | undefined => {
  const [id, ...others] = tokenizer.encode(text, { addSpecialTokens: false });
  if (id === undefined || others.length > 0 || tokenizer.token(id) !== text) return undefined;
  const isPlain = tokenizer.tokenize(text).join() === `${id}`;
  return isPlain && tokenizer.decode([id], { skipSpecialTokens: true }) !== '' ? undefined : id;
};

/** The tokens of a text that follows another, or those that it has alone. */
export const continuationTokens = (before: string, text: string, tokenizer: Tokenizer): number[] =>
  tokensBehind(before, text, tokenizer) ?? tokenizer.tokenize(text);

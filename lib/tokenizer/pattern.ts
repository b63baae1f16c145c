import * as library from '@huggingface/tokenizers';
import type { PatternJson } from './json.ts';

/** What is used here of the library, whose own type files do not resolve under Node's module rules. */
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (json: { pattern: PatternJson; invert: boolean }) => { pattern: RegExp | null };
};

/** Makes a global regular expression of a pattern of tokenizer.json; the library translates Oniguruma's. */
export const regExpOf = (pattern: PatternJson = {}): RegExp => {
  const made = new SplitPreTokenizer({ pattern, invert: true }).pattern;
  if (made === null) throw new Error('a pattern is neither String nor Regex');
  return made;
};

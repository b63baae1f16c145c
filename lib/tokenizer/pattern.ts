import * as library from '@huggingface/tokenizers';
import { ZestError } from '../errors.ts';
import { show } from '../text/show.ts';
import { withinTime } from '../time-limit.ts';
import type { PatternJson } from './json.ts';
import { isPlain } from './plain.ts';

/** What is used here of the library, whose own type files do not resolve under Node's module rules. */
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (json: { pattern: PatternJson; invert: boolean }) => { pattern: RegExp | null };
};

/** What a text has of a pattern: all matches, or itself with another text in the place of each. */
export interface Pattern {
  matches(text: string): Iterable<{ 0: string; index: number }>;
  replaced(text: string, by: string): string;
}

/** A pattern of our own, without its slashes. */
export const everywhere = (source: string): Pattern => ofRegExp(new RegExp(source, 'gu'));

const ofRegExp = (regExp: RegExp): Pattern => ({
  matches: (text) => text.matchAll(regExp),
  replaced: (text, by) => text.replace(regExp, () => by),
});

const SECONDS = 2;

/**
 * Runs a part of a tokenizer, over a text of so many characters or tokens, for two seconds and as long again for each
 * million of them.
 *
 * @throws ERR_ZEST_TOKENIZER where time is up
 */
export const watched = <T>(part: string, length: number, run: () => T): T => {
  const seconds = SECONDS * (1 + length / 1e6);
  return withinTime(seconds, run, (cause) => {
    const message = `the tokenizer's ${part} takes more than ${seconds.toFixed(1)} s for a text of length ${length}; expected one that does not try so many ways`;
    return new ZestError('ERR_ZEST_TOKENIZER', message, { cause });
  });
};

/** Characters of a text that any plain pattern is done with in a second. */
const SHORT = 1024;

/**
 * Makes a pattern of tokenizer.json; the library translates Oniguruma's. What may take more time than anyone has, as
 * `(a+)+$` does for forty letters, is given two seconds.
 *
 * @throws Error for what is no pattern; its functions ERR_ZEST_TOKENIZER where time is up
 */
export const patternOf = (json: PatternJson = {}): Pattern => {
  // The library prints what is neither.
  const isKnown = typeof json.String === 'string' || typeof json.Regex === 'string';
  const regExp = isKnown && new SplitPreTokenizer({ pattern: json, invert: true }).pattern;
  if (!regExp) throw new Error('a pattern is neither String nor Regex');
  const { matches, replaced } = ofRegExp(regExp);
  if (json.Regex === undefined) return { matches, replaced };
  const quick = isPlain(regExp.source);
  const given = <T>(text: string, run: () => T): T =>
    quick && text.length <= SHORT ? run() : watched(`pattern ${show(json.Regex)}`, text.length, run);
  return {
    matches: (text) => given(text, () => [...matches(text)]),
    replaced: (text, by) => given(text, () => replaced(text, by)),
  };
};

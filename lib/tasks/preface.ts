import { rangeError } from '../errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import { continuationTokens, WITHOUT_SPACES } from './continuation.ts';
import { cutLongest, type Preface, tokenized, withoutEnds } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What a causal model reads before it answers. */
export interface Prefaced {
  ids: number[];
  /** Number of tokens that were cut. */
  cut: number;
}

/** A text with fields, as a model reads it, and the answers that follow it. */
export interface PrefaceReader {
  /**
   * Fills the fields: the ids begin with the special tokens that begin a text. More than `most` tokens are cut, one at a
   * time from the end of whichever field has most then.
   *
   * @throws ERR_ZEST_SEQUENCE_LENGTH (RangeError) if the prompt without its fields is longer than that
   */
  fill(fields: Readonly<Record<string, string>>, most: number): Prefaced;
  /** The tokens of an answer that follows. */
  answer(text: string): number[];
}

/** Stands for a text of which only its surroundings are wanted; no token has this id. */
const PLACE = -1;
const CONTENT = '\u0000content';

const joinedBy = (text: string): string => /\s*$/.exec(text)![0];

/**
 * Reads a text that an answer follows. Between the two stands the white space that the text ends with, or else a space,
 * unless the answer begins with one or is of a script without spaces; a chat's answer follows its template at once. Spaces
 * go with the answer, as the tokens of most models have them, line ends with the text.
 *
 * With `chat`, the text is what the user says.
 */
export const prefaceReader = (preface: Preface, tokenizer: Tokenizer, chat?: ChatTemplate): PrefaceReader => {
  const around = chat?.render([{ role: 'user', content: CONTENT }]).split(CONTENT);
  const encoded = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  const framed = tokenizer.frame([PLACE]).ids;
  const before = around ? encoded(around[0]!) : framed.slice(0, framed.indexOf(PLACE));
  const after = around ? encoded(around.slice(1).join('')) : [];
  const last = preface.parts.at(-1);
  const end = around ? around.slice(1).join('') : typeof last === 'string' ? last : '';
  const gap = joinedBy(end).replace(/^.*\n/s, '');
  // What an answer's tokens are made behind: the last word with what white space stays with the text.
  const context = end.slice(0, end.length - gap.length).match(/\S*\s*$/)![0];
  return {
    fill(fields, most) {
      const { ids, spans } = tokenized(preface.parts, fields, tokenizer, { end: around ? undefined : /[^\S\n\r]/ });
      const excess = before.length + ids.length + after.length - most;
      if (excess <= 0) return { ids: [...before, ...ids, ...after], cut: 0 };
      const found = spans();
      const lengths = found.map((span) => span.end - span.start);
      const kept = cutLongest(lengths, excess);
      if (kept === undefined) {
        const least = most + excess - lengths.reduce((sum, length) => sum + length, 0);
        throw rangeError(
          'ERR_ZEST_SEQUENCE_LENGTH',
          `prompt ${JSON.stringify(preface.text)} takes ${least} tokens without its fields, more than the ${most} that are left for it`,
        );
      }
      return { ids: [...before, ...withoutEnds(ids, found, kept), ...after], cut: excess };
    },
    answer(text) {
      const isJoined = joinedBy(end) !== '' || /^\s/.test(text) || WITHOUT_SPACES.test(text) || around !== undefined;
      return continuationTokens(context, `${isJoined ? gap : ' '}${text}`, tokenizer);
    },
  };
};

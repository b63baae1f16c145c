import { rangeError } from '../errors.ts';
import { packed } from './prompt.ts';
import { cutLongest } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';

/** One text, or a pair, as a classification head reads it. */
export interface EncodedTexts {
  ids: Int32Array;
  /** Absent where all are 0. */
  segments?: Int32Array;
  /** Number of tokens that were cut. */
  cut: number;
}

/**
 * Encodes the text of a field, or the two of a pair, with special tokens; more than `most` tokens are cut from the end of
 * whichever text is longest.
 *
 * @throws ERR_ZEST_SEQUENCE_LENGTH (RangeError) if the special tokens alone are more than that
 */
export const encodeTexts = (
  tokenizer: Tokenizer,
  names: readonly string[],
  fields: Readonly<Record<string, string>>,
  most = Number.POSITIVE_INFINITY,
): EncodedTexts => {
  let texts = names.map((field) => tokenizer.tokenize(fields[field]!));
  const framed = () => tokenizer.frame(texts[0]!, texts[1]);
  const excess = framed().ids.length - most;
  if (excess > 0) {
    const kept = cutLongest(
      texts.map((ids) => ids.length),
      excess,
    );
    if (kept === undefined) {
      throw rangeError(
        'ERR_ZEST_SEQUENCE_LENGTH',
        `the special tokens around ${names.join(' and ')} alone are more than the ${most} tokens allowed`,
      );
    }
    texts = texts.map((ids, i) => ids.slice(0, kept[i]));
  }
  return { ...packed(framed()), cut: Math.max(0, excess) };
};

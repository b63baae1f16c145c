import { NEWER_ACCENTS, NEWER_FORMATS, NEWER_PUNCTUATION, OLDER_ACCENTS, OLDER_PUNCTUATION } from './unicode.ts';

// Classes of characters as Rust has them; JavaScript's \s, \w and \d are others.

/** White space of Unicode: with U+0085, without U+FEFF. */
export const SPACE = '\\p{White_Space}';

const oneSpace = new RegExp(SPACE, 'u');

/** Number of white characters that a text begins with. */
export const spaceAtStart = (text: string): number => {
  let count = 0;
  while (count < text.length && oneSpace.test(text[count]!)) count++;
  return count;
};

/** Number of white characters that a text ends with. A regular expression would try from each of a row of them. */
export const spaceAtEnd = (text: string): number => {
  let count = 0;
  while (count < text.length && oneSpace.test(text[text.length - 1 - count]!)) count++;
  return count;
};

/** Characters of words. */
export const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d';

/** A character of punctuation, or of ASCII that is neither letter, digit, space nor control. */
export const PUNCTUATION = `(?:(?![${NEWER_PUNCTUATION}])[\\p{P}!-\\/:-@\\[-\`{-~${OLDER_PUNCTUATION}])`;

/** A character that BERT strips as an accent. */
export const ACCENT = `(?:(?![${NEWER_ACCENTS}])[\\p{Mn}${OLDER_ACCENTS}])`;

/** A character that BERT takes out of every text. */
export const CONTROL = `[\\0\\ufffd]|(?![\\t\\n\\r${NEWER_FORMATS}])[\\p{Cc}\\p{Cf}\\p{Co}]`;

/** Bytes as byte-level vocabularies spell them: those that print as themselves, the others from U+0100 on. */
const BYTES = ((): readonly string[] => {
  let next = 0x100;
  const prints = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++));
})();

/** Spells a text in the characters of its UTF-8 bytes. */
export const byteCharacters = (text: string): string => {
  let spelt = '';
  for (const byte of Buffer.from(text)) spelt += BYTES[byte];
  return spelt;
};

/** A character that BERT sets apart: the ideographs of its time. */
export const IDEOGRAPH =
  '[\\u4e00-\\u9fff\\u3400-\\u4dbf\\u{20000}-\\u{2a6df}\\u{2a700}-\\u{2b73f}\\u{2b740}-\\u{2b81f}' +
  '\\u{2b920}-\\u{2ceaf}\\uf900-\\ufaff\\u{2f800}-\\u{2fa1f}]';

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ACCENT, CONTROL, IDEOGRAPH, PUNCTUATION, SPACE } from '../../lib/tokenizer/characters.ts';

/** Ranges of code points, as make-classes.py asked Hugging Face's tokenizers for each. */
const classes = JSON.parse(
  readFileSync(new URL('../fixtures/tokenizer/classes.json', import.meta.url), 'utf8'),
) as Record<string, [first: number, last: number][]>;

const ranges = (pattern: string): [number, number][] => {
  const regExp = new RegExp(`^(?:${pattern})$`, 'u');
  const found: [number, number][] = [];
  for (let code = 0; code < 0x110000; code++) {
    if ((code >= 0xd800 && code <= 0xdfff) || !regExp.test(String.fromCodePoint(code))) continue;
    const last = found.at(-1);
    if (last?.[1] === code - 1) last[1] = code;
    else found.push([code, code]);
  }
  return found;
};

// The differences between the two are known up to this version of Unicode.
describe.skipIf(Number(process.versions.unicode) > 17)(
  "classes of characters are those of Hugging Face's tokenizers",
  () => {
    it.each([
      ['removed', CONTROL],
      ['ideographs', IDEOGRAPH],
      ['accents', ACCENT],
      ['punctuation', PUNCTUATION],
      ['spaces', SPACE],
      ['digits', '\\p{N}'],
    ])('%s', (name, pattern) => {
      expect(ranges(pattern)).toEqual(classes[name]);
    });
  },
);

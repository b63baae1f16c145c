import { spaceAtEnd, spaceAtStart, WORD } from './characters.ts';
import type { AddedToken } from './json.ts';
import type { Normalize } from './normalize.ts';

/** A stretch of a text: the id of an added token, or what stands between them, normalized. */
export type Section = { id: number } | { text: string; isFirst: boolean };

const endsWithWord = new RegExp(`[${WORD}]$`, 'u');
const startsWithWord = new RegExp(`^[${WORD}]`, 'u');

// Not the hyphen: with the flag u, an escape that is not needed is an error.
const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** Finds tokens in a text: from the left, the longest first. */
const finder = (tokens: ReadonlyMap<string, AddedToken>): ((text: string) => Section[]) => {
  const contents = [...tokens.keys()].filter((content) => content !== '').sort((a, b) => b.length - a.length);
  const pattern = new RegExp(contents.map(escaped).join('|') || '(?!)', 'gu');
  return (text) => {
    const sections: Section[] = [];
    let end = 0;
    for (const { 0: content, index } of text.matchAll(pattern)) {
      const token = tokens.get(content) as AddedToken;
      let start = index;
      let stop = index + content.length;
      if (
        token.single_word &&
        (endsWithWord.test(text.slice(Math.max(0, start - 2), start)) || startsWithWord.test(text.slice(stop)))
      ) {
        continue;
      }
      if (token.lstrip) start -= spaceAtEnd(text.slice(end, start));
      if (token.rstrip) stop += spaceAtStart(text.slice(stop));
      if (start > end) sections.push({ text: text.slice(end, start), isFirst: end === 0 });
      sections.push({ id: token.id });
      end = Math.max(stop, end);
    }
    if (end < text.length) sections.push({ text: text.slice(end), isFirst: end === 0 });
    return sections;
  };
};

/**
 * Makes the function that finds added tokens in a text and normalizes what stands between them: first those that are
 * looked for in the text as it is, then the others, whose own spelling is normalized likewise.
 */
export const sectioning = (tokens: readonly AddedToken[], normalize: Normalize): ((text: string) => Section[]) => {
  const isNormalized = ({ normalized, special }: AddedToken) => normalized ?? special !== true;
  const plain = tokens.filter((token) => !isNormalized(token));
  const normalized = tokens.filter(isNormalized);
  const findPlain = finder(new Map(plain.map((token) => [token.content, token])));
  const findNormalized = finder(new Map(normalized.map((token) => [normalize(token.content), token])));
  return (text) =>
    findPlain(text).flatMap((section) => {
      if ('id' in section) return [section];
      return findNormalized(normalize(section.text)).map((inner) =>
        'id' in inner ? inner : { ...inner, isFirst: inner.isFirst && section.isFirst },
      );
    });
};

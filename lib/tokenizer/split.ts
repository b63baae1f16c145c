import { byteCharacters, PUNCTUATION, SPACE, WORD } from './characters.ts';
import type { PreTokenizerJson, SplitBehavior } from './json.ts';
import { everywhere, type Pattern, patternOf } from './pattern.ts';

/** A piece of a text, which the model looks up alone. */
export interface Piece {
  text: string;
  /** Whether the whole text begins with it. */
  isFirst: boolean;
}

/** Splits each piece into smaller ones. */
export type Split = (pieces: readonly Piece[]) => Piece[];

interface Part {
  text: string;
  isMatch: boolean;
}

const partsOf = (text: string, pattern: Pattern, invert: boolean): Part[] => {
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: match, index } of pattern.matches(text)) {
    if (match === '') continue;
    if (index > end) parts.push({ text: text.slice(end, index), isMatch: invert });
    parts.push({ text: match, isMatch: !invert });
    end = index + match.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), isMatch: invert });
  return parts;
};

/** Joins each part to the one before it for which `joins` holds. */
const joined = (parts: readonly Part[], joins: (part: Part, before: Part) => boolean): string[] => {
  const texts: string[] = [];
  for (const [i, part] of parts.entries()) {
    const before = parts[i - 1];
    if (before && joins(part, before)) texts[texts.length - 1] += part.text;
    else texts.push(part.text);
  }
  return texts;
};

const BEHAVIORS: Readonly<Record<SplitBehavior, (parts: readonly Part[]) => string[]>> = {
  Removed: (parts) => parts.filter(({ isMatch }) => !isMatch).map(({ text }) => text),
  Isolated: (parts) => parts.map(({ text }) => text),
  MergedWithPrevious: (parts) => joined(parts, (part, before) => part.isMatch && !before.isMatch),
  MergedWithNext: (parts) => joined(parts, (part, before) => before.isMatch && !part.isMatch),
  Contiguous: (parts) => joined(parts, (part, before) => part.isMatch === before.isMatch),
};

const splitAt =
  (pattern: Pattern, behavior: SplitBehavior, invert = false): Split =>
  (pieces) =>
    pieces.flatMap(({ text, isFirst }) => {
      const parts = partsOf(text, pattern, invert);
      const begins = behavior !== 'Removed' || parts[0]?.isMatch === false;
      return BEHAVIORS[behavior](parts).map((part, i) => ({ text: part, isFirst: isFirst && begins && i === 0 }));
    });

const each =
  (change: (piece: Piece) => string): Split =>
  (pieces) =>
    pieces.map((piece) => ({ ...piece, text: change(piece) }));

const sequence =
  (...splits: readonly Split[]): Split =>
  (pieces) =>
    splits.reduce((at, split) => split(at), [...pieces]);

const BYTE_LEVEL = everywhere(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|${SPACE}+(?!\\P{White_Space})|${SPACE}+`,
);

const byteLevel = ({ add_prefix_space = true, use_regex = true }: PreTokenizerJson): Split =>
  sequence(
    each(({ text }) => (add_prefix_space && !text.startsWith(' ') ? ` ${text}` : text)),
    ...(use_regex ? [splitAt(BYTE_LEVEL, 'Isolated')] : []),
    each(({ text }) => byteCharacters(text)),
  );

const metaspace = (json: PreTokenizerJson): Split => {
  const { replacement = '▁', split = true } = json;
  const scheme = json.prepend_scheme ?? (json.add_prefix_space === false ? 'never' : 'always');
  return sequence(
    each(({ text, isFirst }) => {
      const replaced = text.replaceAll(' ', replacement);
      const prepends = scheme === 'always' || (scheme === 'first' && isFirst);
      return prepends && !replaced.startsWith(replacement) ? replacement + replaced : replaced;
    }),
    ...(split ? [splitAt(patternOf({ String: replacement }), 'MergedWithNext')] : []),
  );
};

const pascalCase = (name: string): SplitBehavior =>
  name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase()) as SplitBehavior;

/** Makes the function that a pre-tokenizer of tokenizer.json describes, with the results of Hugging Face's tokenizers. */
export const splitter = (json: PreTokenizerJson | null | undefined): Split => {
  switch (json?.type) {
    case undefined:
      return (pieces) => [...pieces];
    case 'Sequence':
      return sequence(...(json?.pretokenizers ?? []).map(splitter));
    case 'BertPreTokenizer':
      return sequence(splitAt(everywhere(SPACE), 'Removed'), splitAt(everywhere(PUNCTUATION), 'Isolated'));
    case 'ByteLevel':
      return byteLevel(json as PreTokenizerJson);
    case 'Metaspace':
      return metaspace(json as PreTokenizerJson);
    case 'Whitespace':
      return splitAt(everywhere(`[${WORD}]+|[^${WORD}${SPACE}]+`), 'Removed', true);
    case 'WhitespaceSplit':
      return splitAt(everywhere(SPACE), 'Removed');
    case 'CharDelimiterSplit':
      return splitAt(patternOf({ String: json?.delimiter }), 'Removed');
    case 'Punctuation':
      return splitAt(everywhere(PUNCTUATION), pascalCase(json?.behavior ?? 'Isolated'));
    case 'Digits':
      return splitAt(everywhere(json?.individual_digits ? '\\p{N}' : '\\p{N}+'), 'Isolated');
    case 'Split':
      return splitAt(patternOf(json?.pattern), pascalCase(json?.behavior ?? 'Isolated'), json?.invert);
    case 'FixedLength':
      return splitAt(everywhere(`[^]{1,${Number(json?.length ?? 5)}}`), 'Isolated');
    default:
      throw new Error(`pre-tokenizer ${json?.type} is not known`);
  }
};

import { rangeError, ZestError } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';
import { cutLongest } from './truncation.ts';

/** Literal text of a template, or the place of a field. */
export type TemplatePart = string | { field: string };

/** A prompt around one mask: `{name}` is a field's text, `{mask}` the mask token, `{{` and `}}` are braces. */
export interface Template {
  /** As written. */
  text: string;
  /** Names of the fields, each once, in order of appearance. */
  fields: readonly string[];
  before: readonly TemplatePart[];
  after: readonly TemplatePart[];
}

/** A filled template: token ids with the special tokens, and the position of the mask among them. */
export interface FilledTemplate {
  ids: number[];
  position: number;
}

const templateError = (text: string, fault: string): Error =>
  new ZestError('ERR_ZEST_TEMPLATE', `template ${JSON.stringify(text)} ${fault}`);

/**
 * Reads a template such as `"{sentence} It was {mask} ."`.
 *
 * @throws ERR_ZEST_TEMPLATE for a brace that opens or closes nothing, a place without a name, none or two `{mask}`, no field
 */
export const parseTemplate = (text: string): Template => {
  const sides: TemplatePart[][] = [[]];
  const fields = new Set<string>();
  const literal = (characters: string) => {
    const side = sides.at(-1)!;
    const last = side.at(-1);
    if (typeof last === 'string') side[side.length - 1] = last + characters;
    else if (characters !== '') side.push(characters);
  };
  let end = 0;
  for (const match of text.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g)) {
    literal(text.slice(end, match.index));
    end = match.index + match[0].length;
    const name = match[1];
    if (match[0] === '{{' || match[0] === '}}') literal(match[0][0]!);
    else if (name === undefined) {
      throw templateError(text, `has a lone ${match[0]} at character ${match.index + 1}; a literal brace is doubled`);
    } else if (name.trim() === '') throw templateError(text, `has {} without a name at character ${match.index + 1}`);
    else if (name === 'mask') sides.push([]);
    else {
      fields.add(name);
      sides.at(-1)!.push({ field: name });
    }
  }
  literal(text.slice(end));
  const [before, after] = sides;
  if (before === undefined || after === undefined) throw templateError(text, 'has no {mask}; it needs exactly one');
  if (sides.length > 2) throw templateError(text, `has {mask} ${sides.length - 1} times; it needs exactly one`);
  if (fields.size === 0) throw templateError(text, 'has no field; it needs at least one, such as {sentence}');
  return { text, fields: [...fields], before, after };
};

/** A run of ids that come of one field. */
interface Span {
  start: number;
  end: number;
}

interface Side {
  ids: number[];
  /** Where the tokens of each field lie; a token that holds characters of a field and of the template is the template's. */
  spans: () => Span[];
}

const commonPrefix = (a: readonly number[], b: readonly number[]): number => {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
};

const isSpace = (character: string | undefined): boolean =>
  character !== undefined && /\p{White_Space}/u.test(character);

const side = (
  parts: readonly TemplatePart[],
  fields: Readonly<Record<string, string>>,
  tokenizer: Tokenizer,
  strip: { start?: boolean; end?: boolean },
): Side => {
  const texts = parts.map((part) => (typeof part === 'string' ? part : fields[part.field]!));
  const whole = texts.join('');
  let from = 0;
  let to = whole.length;
  while (strip.start && isSpace(whole[from])) from++;
  while (strip.end && to > from && isSpace(whole[to - 1])) to--;
  const ids = tokenizer.tokenize(whole.slice(from, to));
  const tokensUpTo = (end: number) =>
    end >= to ? ids.length : commonPrefix(tokenizer.tokenize(whole.slice(from, Math.max(from, end))), ids);
  const spans = (): Span[] => {
    const found: Span[] = [];
    let end = 0;
    for (const [i, part] of parts.entries()) {
      const start = end;
      end += texts[i]!.length;
      if (typeof part === 'string') continue;
      const first = Math.max(found.at(-1)?.end ?? 0, tokensUpTo(start));
      found.push({ start: first, end: Math.max(first, tokensUpTo(end)) });
    }
    return found;
  };
  return { ids, spans };
};

const withoutEnds = (ids: readonly number[], spans: readonly Span[], kept: readonly number[]): number[] => {
  const result: number[] = [];
  let from = 0;
  for (const [i, { start, end }] of spans.entries()) {
    result.push(...ids.slice(from, start + kept[i]!));
    from = end;
  }
  return result.concat(ids.slice(from));
};

/**
 * Fills a template: the ids are those of the whole text with the mask token in its place, as the tokenizer would give
 * them (RoBERTa's mask takes the white space before it), except that special tokens spelt out in a field stay plain text.
 *
 * More than `maxLength` tokens, specials included, are cut: one token at a time from the end of whichever field has
 * most then. The mask, the special tokens and the template's own text stay.
 *
 * @throws ERR_ZEST_TOKENIZER for a tokenizer without a mask token
 * @throws ERR_ZEST_SEQUENCE_LENGTH (RangeError) if the template alone is longer than `maxLength`
 */
export const fillTemplate = (
  template: Template,
  fields: Readonly<Record<string, string>>,
  tokenizer: Tokenizer,
  maxLength = Number.POSITIVE_INFINITY,
): FilledTemplate => {
  const { maskId, maskStrips } = tokenizer;
  if (maskId === undefined) {
    throw new ZestError('ERR_ZEST_TOKENIZER', `the tokenizer of ${tokenizer.folder} has no mask token`);
  }
  const before = side(template.before, fields, tokenizer, { end: maskStrips.left });
  const after = side(template.after, fields, tokenizer, { start: maskStrips.right });
  const alone = tokenizer.frame([maskId]).ids;
  let left = before.ids;
  let right = after.ids;
  const length = alone.length + left.length + right.length;
  if (length > maxLength) {
    const leftSpans = before.spans();
    const rightSpans = after.spans();
    const lengths = [...leftSpans, ...rightSpans].map((span) => span.end - span.start);
    const kept = cutLongest(lengths, length - maxLength);
    if (kept === undefined) {
      const least = length - lengths.reduce((sum, n) => sum + n, 0);
      throw rangeError(
        'ERR_ZEST_SEQUENCE_LENGTH',
        `template ${JSON.stringify(template.text)} takes ${least} tokens without its fields, more than the ${maxLength} allowed`,
      );
    }
    left = withoutEnds(left, leftSpans, kept.slice(0, leftSpans.length));
    right = withoutEnds(right, rightSpans, kept.slice(leftSpans.length));
  }
  return { ids: tokenizer.frame([...left, maskId, ...right]).ids, position: alone.indexOf(maskId) + left.length };
};

import { rangeError, ZestError } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Literal text of a template, or the place of a field. */
export type TemplatePart = string | { field: string };

type Mark = 'mask' | 'segment';

/** What stands between two marks of a template, and the mark that ends it; none ends the last. */
interface Stretch {
  parts: readonly TemplatePart[];
  end?: Mark;
}

/**
 * A prompt around one mask: `{name}` is a field's text, `{mask}` the mask token, `{{` and `}}` are braces. `{segment}`
 * begins the second text of a pair for tokenizers that give it a segment of its own, as BERT's; for others, as RoBERTa's,
 * it is nothing.
 */
export interface Template {
  /** Text as it was written. */
  text: string;
  /** Names of the fields, each once, in order of appearance. */
  fields: readonly string[];
  stretches: readonly Stretch[];
}

/** A filled template: token ids with the special tokens, their segments, and where the word of the mask is predicted. */
export interface FilledTemplate {
  ids: number[];
  segments: number[];
  /** Of the mask; of a causal model, whose prompt ends before the mask, the last token. */
  position: number;
  /** Number of tokens that were cut. */
  cut: number;
}

const templateError = (text: string, fault: string): Error =>
  new ZestError('ERR_ZEST_TEMPLATE', `template ${JSON.stringify(text)} ${fault}`);

/**
 * Splits a text into stretches of literal text and fields, at the marks among them.
 *
 * @throws ERR_ZEST_TEMPLATE for a brace that opens or closes nothing, or a place without a name
 */
const parseStretches = (text: string): { fields: string[]; stretches: Stretch[] } => {
  let parts: TemplatePart[] = [];
  const stretches: Stretch[] = [];
  const fields = new Set<string>();
  const literal = (characters: string) => {
    const last = parts.at(-1);
    if (typeof last === 'string') parts[parts.length - 1] = last + characters;
    else if (characters !== '') parts.push(characters);
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
    else if (name === 'mask' || name === 'segment') {
      stretches.push({ parts, end: name });
      parts = [];
    } else {
      fields.add(name);
      parts.push({ field: name });
    }
  }
  literal(text.slice(end));
  stretches.push({ parts });
  return { fields: [...fields], stretches };
};

const WITHOUT_FIELD = 'has no field; it needs at least one, such as {sentence}';

/**
 * Reads a template such as `"{sentence} It was {mask}."` or `"{premise}? {mask}, {segment}{hypothesis}"`.
 *
 * @throws ERR_ZEST_TEMPLATE for a brace that opens or closes nothing, a place without a name, none or two `{mask}`, two
 *   `{segment}` or one that does not stand between two texts, no field
 */
export const parseTemplate = (text: string): Template => {
  const { fields, stretches } = parseStretches(text);
  const count = (mark: Mark) => stretches.filter((stretch) => stretch.end === mark).length;
  if (count('mask') === 0) throw templateError(text, 'has no {mask}; it needs exactly one');
  if (count('mask') > 1) throw templateError(text, `has {mask} ${count('mask')} times; it needs exactly one`);
  if (count('segment') > 1) throw templateError(text, `has {segment} ${count('segment')} times; it may have one`);
  if (/^\{segment\}|\{segment\}$/.test(text.trim())) {
    throw templateError(text, 'begins or ends with {segment}, which stands between two texts');
  }
  if (fields.length === 0) throw templateError(text, WITHOUT_FIELD);
  return { text, fields, stretches };
};

/** A text that an answer follows: literal text and fields. */
export interface Preface {
  /** Text as it was written. */
  text: string;
  /** Names of the fields, each once, in order of appearance. */
  fields: readonly string[];
  parts: readonly TemplatePart[];
}

/**
 * Reads a text that may have fields.
 *
 * @throws ERR_ZEST_TEMPLATE as {@link parseTemplate} does, and for a `{mask}` or a `{segment}`
 */
export const parseText = (text: string): Preface => {
  const { fields, stretches } = parseStretches(text);
  const [{ parts, end }] = stretches as [Stretch];
  if (end === undefined) return { text, fields, parts };
  throw templateError(text, `has {${end}}; a prompt has fields alone, and the answer follows it`);
};

/**
 * Reads a text that an answer follows, such as `"{context}\nQuestion: {question}\nAnswer:"`.
 *
 * @throws ERR_ZEST_TEMPLATE as {@link parseText} does, and for a text without a field
 */
export const parsePreface = (text: string): Preface => {
  const preface = parseText(text);
  if (preface.fields.length === 0) throw templateError(text, WITHOUT_FIELD);
  return preface;
};

const WHITE_SPACE = /\p{White_Space}/u;

const isSpace = (character: string | undefined): boolean => character !== undefined && WHITE_SPACE.test(character);

/**
 * The text that `{mask}` follows at once, as far as the template has it: empty where that is a field, undefined where
 * there is none, or a space between.
 */
export const textBeforeMask = ({ stretches }: Template): string | undefined => {
  const part = stretches.find(({ end }) => end === 'mask')?.parts.at(-1);
  if (typeof part !== 'string') return part === undefined ? undefined : '';
  return isSpace(part.at(-1)) ? undefined : Array.from(part).at(-1);
};

/** A run of ids that come of one field. */
interface Span {
  start: number;
  end: number;
}

interface Piece {
  ids: number[];
  /** Where the tokens of each field lie; a token that holds characters of a field and of the template is the template's. */
  spans: () => Span[];
}

const commonPrefix = (a: readonly number[], b: readonly number[]): number => {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
};

/**
 * How long a text is without such characters at its end. (An expression that ends in `+$` would look from each of a run to
 * the run's end, and data may have long ones.)
 */
export const lengthWithout = (text: string, character: RegExp): number => {
  let length = text.length;
  while (length > 0 && character.test(text[length - 1]!)) length--;
  return length;
};

export const tokenized = (
  parts: readonly TemplatePart[],
  fields: Readonly<Record<string, string>>,
  tokenizer: Tokenizer,
  strip: { start?: boolean; end?: boolean | RegExp },
): Piece => {
  const texts = parts.map((part) => (typeof part === 'string' ? part : fields[part.field]!));
  const whole = texts.join('');
  let from = 0;
  while (strip.start && isSpace(whole[from])) from++;
  const end = strip.end === true ? WHITE_SPACE : strip.end;
  const to = end ? Math.max(from, lengthWithout(whole, end)) : whole.length;
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

/** The stretches as they are where `{segment}` is nothing. */
const withoutSegment = (stretches: readonly Stretch[]): readonly Stretch[] => {
  const at = stretches.findIndex(({ end }) => end === 'segment');
  if (at < 0) return stretches;
  const next = stretches[at + 1]!;
  return stretches.toSpliced(at, 2, { parts: [...stretches[at]!.parts, ...next.parts], end: next.end });
};

/**
 * What a causal model sees: nothing after the mask.
 *
 * @throws ERR_ZEST_TEMPLATE if there is a field
 */
export const untilMask = (text: string, stretches: readonly Stretch[]): readonly Stretch[] => {
  const at = stretches.findIndex(({ end }) => end === 'mask');
  for (const { parts } of stretches.slice(at + 1)) {
    const lost = parts.find((part) => typeof part !== 'string');
    if (lost === undefined) continue;
    throw templateError(
      text,
      `has {${(lost as { field: string }).field}} after {mask}, which a causal model never sees; put {mask} at the end`,
    );
  }
  return stretches.slice(0, at + 1);
};

/** Stands for the mask until its position is known; no token has this id. */
const MASK_PLACE = -1;

export const withoutEnds = (ids: readonly number[], spans: readonly Span[], kept: readonly number[]): number[] => {
  const pieces: (readonly number[])[] = [];
  let from = 0;
  for (const [i, { start, end }] of spans.entries()) {
    pieces.push(ids.slice(from, start + kept[i]!));
    from = end;
  }
  return [...pieces, ids.slice(from)].flat();
};

/**
 * How many tokens of each text to keep so that `excess` fewer are left: one at a time goes from the end of whichever
 * text is longest then, the last of equals. Undefined if there are not that many tokens.
 */
export const cutLongest = (lengths: readonly number[], excess: number): number[] | undefined => {
  const kept = [...lengths];
  for (let cut = 0; cut < excess; cut++) {
    const longest = Math.max(0, ...kept);
    if (longest === 0) return undefined;
    kept[kept.lastIndexOf(longest)] = longest - 1;
  }
  return kept;
};

/**
 * Fills a template: the ids are those of the whole text with the mask token in its place, or of the pair of texts around
 * `{segment}`, as the tokenizer would give them (RoBERTa's mask takes the white space before it), except that special
 * tokens spelt out in a field stay plain text. For a causal model the text ends before the mask, whose word is the next.
 *
 * More than `maxLength` tokens, specials included, are cut: one token at a time from the end of whichever field has
 * most then. The mask, the special tokens and the template's own text stay.
 *
 * @throws ERR_ZEST_TOKENIZER for a tokenizer without a mask token
 * @throws ERR_ZEST_TEMPLATE for a causal model, if there is a field after the mask, or nothing before it
 * @throws ERR_ZEST_SEQUENCE_LENGTH (RangeError) if the template alone is longer than `maxLength`
 */
export const fillTemplate = (
  template: Template,
  fields: Readonly<Record<string, string>>,
  tokenizer: Tokenizer,
  maxLength = Number.POSITIVE_INFINITY,
): FilledTemplate => {
  const { maskId, maskStrips, causal } = tokenizer;
  if (maskId === undefined && !causal) {
    throw new ZestError('ERR_ZEST_TOKENIZER', `the tokenizer of ${tokenizer.folder} has no mask token`);
  }
  const paired = tokenizer.segmentsPairs ? template.stretches : withoutSegment(template.stretches);
  const stretches = causal ? untilMask(template.text, paired) : paired;
  const pieces = stretches.map(({ parts, end }, i) => ({
    ...tokenized(parts, fields, tokenizer, {
      // The words of a causal model's label have the space in them.
      end: end === 'mask' && (causal || maskStrips.left),
      start: stretches[i - 1]?.end === 'mask' && maskStrips.right,
    }),
    mark: end,
  }));
  const framed = (ids: readonly (readonly number[])[], cut = 0): FilledTemplate => {
    const texts = [[]] as (readonly number[])[][];
    for (const [i, { mark }] of pieces.entries()) {
      texts.at(-1)!.push(ids[i]!);
      if (mark === 'mask') texts.at(-1)!.push([MASK_PLACE]);
      if (mark === 'segment') texts.push([]);
    }
    const [first, second] = texts.map((text) => text.flat());
    const encoding = tokenizer.frame(first!, second);
    const position = encoding.ids.indexOf(MASK_PLACE);
    if (!causal) return { ...encoding, ids: encoding.ids.with(position, maskId as number), position, cut };
    if (position === 0) throw templateError(template.text, 'begins with {mask}; a causal model needs text before it');
    return {
      ids: encoding.ids.slice(0, position),
      segments: encoding.segments.slice(0, position),
      position: position - 1,
      cut,
    };
  };
  const whole = framed(pieces.map(({ ids }) => ids));
  if (whole.ids.length <= maxLength) return whole;
  const spans = pieces.map((piece) => piece.spans());
  const lengths = spans.flat().map((span) => span.end - span.start);
  const excess = whole.ids.length - maxLength;
  const kept = cutLongest(lengths, excess);
  if (kept === undefined) {
    const least = whole.ids.length - lengths.reduce((sum, n) => sum + n, 0);
    throw rangeError(
      'ERR_ZEST_SEQUENCE_LENGTH',
      `template ${JSON.stringify(template.text)} takes ${least} tokens without its fields, more than the ${maxLength} allowed`,
    );
  }
  const shorter = pieces.map(({ ids }, i) => withoutEnds(ids, spans[i]!, kept.splice(0, spans[i]!.length)));
  return framed(shorter, excess);
};

/** Repetitions in a row, and with them parts that may be left out, of a pattern that takes little time. */
const MOST_REPEATED = 2;
const MOST_OPTIONAL = 4;

/** One part of a regular expression: an escape, a class, the beginning of a group, a quantifier, or a character. */
const PART =
  /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|k<[^>]*>|.)|\[(?:\\.|[^\]\\])*\]|\((?:\?(?:<?[=!]|<[^>]*>|[-a-z]*:))?|(?:[*+?]|\{\d+(?:,\d*)?\})\??|./gsu;

/** How often a quantifier takes its part at most; undefined for what is none. */
const mostOf = (part: string): number | undefined => {
  if (/^[*+]/.test(part)) return Number.POSITIVE_INFINITY;
  if (part.startsWith('?')) return 1;
  const [, least, comma, most] = /^\{(\d+)(,?)(\d*)\}/.exec(part) ?? [];
  if (least === undefined) return undefined;
  return comma === '' ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most);
};

/**
 * Whether a regular expression of JavaScript takes a time of at most the cube of a text's length, by its look: no
 * repeated groups, no references, and few repetitions in each of its alternatives. Those of the tokenizers that are
 * about are so.
 */
export const isPlain = (source: string): boolean => {
  let depth = 0;
  let [repeated, optional] = [0, 0];
  let before = '';
  for (const [part] of source.matchAll(PART)) {
    const most = mostOf(part);
    if (/^\\(?:[1-9]|k<)/.test(part)) return false;
    if (part.startsWith('(')) depth++;
    else if (part === ')') depth--;
    else if (part === '|' && depth === 0) [repeated, optional] = [0, 0];
    else if (most !== undefined) {
      if (most > 1 && before === ')') return false;
      if (most > 1) repeated++;
      optional++;
      if (repeated > MOST_REPEATED || optional > MOST_OPTIONAL) return false;
    }
    before = part;
  }
  return true;
};

import { ARTICLES, meanOfBest } from './texts.ts';

// Measures of answers of DROP (Dua et al. 2019), as its official script defines them.

const isNumber = (text: string): boolean =>
  /^[+-]?(?:(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)$/i.test(text.trim());

const withoutPunctuation = (text: string): string => text.replace(/[!-/:-@[-`{-~]/g, '');

/** What Python's float makes of a number's text, in one way of writing it. */
const valueText = (text: string): string => {
  const [, sign, word] = /^\s*([+-]?)(inf|nan)/i.exec(text) ?? [];
  if (word === undefined) return String(Number(text.replaceAll('_', '')));
  return word.toLowerCase() === 'nan' ? 'nan' : `${sign === '-' ? '-' : ''}inf`;
};

/** Rounds to hundredths, halves to the even one, as NumPy does. */
const hundredths = (value: number): number => {
  const scaled = 100 * value;
  const below = Math.floor(scaled);
  const isUp = scaled - below > 0.5 || (scaled - below === 0.5 && below % 2 === 1);
  return (below + Number(isUp)) / 100;
};

/** A word as it is compared: numbers by their value, others in small letters without punctuation and articles. */
const normalized = (word: string): string => {
  const lower = word.toLowerCase();
  const bare = isNumber(lower) ? lower : withoutPunctuation(lower);
  const valued = isNumber(bare) ? valueText(bare) : bare;
  return valued.replace(ARTICLES, ' ').trim();
};

const wordsOf = (text: string): string[] =>
  text
    .split(/[ -]/)
    .flatMap((word) => normalized(word).split(/\s+/))
    .filter((word) => word !== '');

/** F1 of two sets of words; 0 where the right ones have numbers, and none is among the others. */
const f1Of = (predicted: ReadonlySet<string>, right: ReadonlySet<string>): number => {
  const numbers = [...right].filter(isNumber);
  if (numbers.length > 0 && !numbers.some((number) => predicted.has(number))) return 0;
  const shared = [...right].filter((word) => predicted.has(word)).length;
  const precision = predicted.size === 0 ? 1 : shared / predicted.size;
  const recall = right.size === 0 ? 1 : shared / right.size;
  return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
};

/** The largest sum of one value a row, no two of a column, of a matrix with as many columns as rows or more (Kuhn 1955). */
const bestAssignment = (values: readonly (readonly number[])[]): number => {
  const [rows, columns] = [values.length, values[0]!.length];
  const [ofRow, ofColumn] = [new Float64Array(rows + 1), new Float64Array(columns + 1)];
  const rowAt = new Int32Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    rowAt[0] = row;
    const least = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY);
    const before = new Int32Array(columns + 1);
    const used = new Uint8Array(columns + 1);
    let column = 0;
    do {
      used[column] = 1;
      let delta = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let j = 1; j <= columns; j++) {
        if (used[j]) continue;
        const slack = -values[rowAt[column]! - 1]![j - 1]! - ofRow[rowAt[column]!]! - ofColumn[j]!;
        if (slack < least[j]!) {
          least[j] = slack;
          before[j] = column;
        }
        if (least[j]! < delta) {
          delta = least[j]!;
          next = j;
        }
      }
      for (let j = 0; j <= columns; j++) {
        if (used[j]) {
          ofRow[rowAt[j]!]! += delta;
          ofColumn[j]! -= delta;
        } else least[j]! -= delta;
      }
      column = next;
    } while (rowAt[column] !== 0);
    while (column !== 0) {
      rowAt[column] = rowAt[before[column]!]!;
      column = before[column]!;
    }
  }
  let sum = 0;
  for (let j = 1; j <= columns; j++) if (rowAt[j] !== 0) sum += values[rowAt[j]! - 1]![j - 1]!;
  return sum;
};

/**
 * Measures an answer of one or several spans against the right one: whether both have the same words, and F1 of the spans'
 * words, aligned so that it is largest, in hundredths.
 */
export const dropScore = (
  prediction: string | readonly string[],
  reference: string | readonly string[],
): { exactMatch: number; f1: number } => {
  const spansOf = (answer: string | readonly string[]) =>
    (typeof answer === 'string' ? [answer] : [...answer]).map(wordsOf);
  const [predicted, right] = [spansOf(prediction), spansOf(reference)];
  const texts = (spans: readonly string[][]) => new Set(spans.map((words) => words.join(' ')));
  const [these, those] = [texts(predicted), texts(right)];
  const isSame =
    predicted.length === right.length && these.size === those.size && [...these].every((text) => those.has(text));
  const [few, many] = predicted.length <= right.length ? [predicted, right] : [right, predicted];
  if (few.length === 0) return { exactMatch: Number(isSame), f1: 0 };
  const bags = (spans: readonly string[][]) => spans.map((words) => new Set(words));
  const [fewBags, manyBags] = [bags(few), bags(many)];
  const scores = fewBags.map((a) => manyBags.map((b) => (few === predicted ? f1Of(a, b) : f1Of(b, a))));
  return { exactMatch: Number(isSame), f1: hundredths(bestAssignment(scores) / many.length) };
};

/** Measures the share of the answers that match one of their references by {@link dropScore}. */
export const dropExactMatch = meanOfBest((prediction, reference) => dropScore(prediction, reference).exactMatch);

/** Measures the mean F1 of answers by {@link dropScore}, of several references the best. */
export const dropF1 = meanOfBest((prediction, reference) => dropScore(prediction, reference).f1);

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { macroF1 } from '../../lib/metrics/classes.ts';
import { dropScore } from '../../lib/metrics/drop.ts';
import { microF1, subsetAccuracy } from '../../lib/metrics/label-sets.ts';
import { meanSquaredError, pearson, spearman } from '../../lib/metrics/numbers.ts';
import { exactMatch, normalizedAnswer, rougeL, tokenF1 } from '../../lib/metrics/texts.ts';
import { withinTime } from '../../lib/time-limit.ts';

interface Known {
  classes: { predictions: number[]; references: number[]; macroF1: number }[];
  numbers: {
    predictions: number[];
    references: number[];
    pearson: number;
    spearman: number;
    meanSquaredError: number;
  }[];
  labelSets: { predictions: number[][]; references: number[][]; microF1: number; subsetAccuracy: number }[];
  texts: { prediction: string; reference: string; rougeL: number }[];
}

const known = JSON.parse(readFileSync(new URL('../fixtures/metrics/known.json', import.meta.url), 'utf8')) as Known;

describe('metrics are those of scikit-learn, SciPy and rouge_score', () => {
  it.each(known.classes)('of classes: mean F1 $macroF1', ({ predictions, references, ...values }) => {
    expect(macroF1(predictions, references)).toBeCloseTo(values.macroF1, 12);
  });

  it.each(known.numbers)('of numbers: Pearson $pearson', ({ predictions, references, ...values }) => {
    expect(pearson(predictions, references)).toBeCloseTo(values.pearson, 12);
    expect(spearman(predictions, references)).toBeCloseTo(values.spearman, 12);
    expect(meanSquaredError(predictions, references)).toBeCloseTo(values.meanSquaredError, 12);
  });

  it.each(known.labelSets)('of labels: F1 $microF1', ({ predictions, references, ...values }) => {
    expect(microF1(predictions, references)).toBeCloseTo(values.microF1, 12);
    expect(subsetAccuracy(predictions, references)).toBeCloseTo(values.subsetAccuracy, 12);
  });

  it.each(known.texts)('of texts: ROUGE-L $rougeL', ({ prediction, reference, ...values }) => {
    expect(rougeL([prediction], [[reference]])).toBeCloseTo(values.rougeL, 12);
  });

  it('are 0 where a side is constant', () => {
    expect([pearson([1, 1], [1, 2]), spearman([2, 2, 2], [1, 2, 3])]).toEqual([0, 0]);
    expect(pearson([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])).toBe(0);
    expect(microF1([[], []], [[], []])).toBe(0);
  });
});

describe('answers of SQuAD', () => {
  it('are compared without case, punctuation, articles and white space', () => {
    expect(normalizedAnswer('  The U.S.  (an  "Army") ')).toBe('us army');
    expect(normalizedAnswer("the theatre's a-team")).toBe('theatres ateam');
    expect(exactMatch(['The Beatles!', 'a dog'], [['beatles'], ['the cat', 'dog']])).toBe(1);
    expect(exactMatch(['beatles', 'dogs'], [['the beatles'], ['dog']])).toBe(0.5);
  });

  it('have articles where Python sees words, whose letters are those of all scripts', () => {
    expect(normalizedAnswer('la Marí, María; a añ é the')).toBe('la marí maría añ é');
    expect(exactMatch(['Marí', 'Peñ'], [['María'], ['Peña']])).toBe(0);
  });

  it('have F1 of the words in common, each as often as both have it, the best of several', () => {
    // 2 of 3 words right, of 2 there are: P = 2/3, R = 1.
    expect(tokenF1(['red big dog'], [['big dog']])).toBeCloseTo(0.8, 12);
    // "no" once in common: P = 1/3, R = 1/1.
    expect(tokenF1(['no no no'], [['no']])).toBeCloseTo(0.5, 12);
    expect(tokenF1(['July and August'], [['August', 'July, August'], ['x']].slice(0, 1))).toBeCloseTo(0.8, 12);
    expect(tokenF1(['x'], [['y']])).toBe(0);
    // SQuAD 2.0: no answer is right only where none is expected.
    expect([tokenF1([''], [['']]), tokenF1(['the'], [['a']]), tokenF1([''], [['y']])]).toEqual([1, 1, 0]);
  });
});

describe('answers of DROP', () => {
  it('match by words, and numbers by their value', () => {
    expect(dropScore('2', '2.0')).toEqual({ exactMatch: 1, f1: 1 });
    expect(dropScore('The 1,000 men', '1000 men')).toEqual({ exactMatch: 1, f1: 1 });
    expect(dropScore('twenty-two', 'twenty two')).toEqual({ exactMatch: 1, f1: 1 });
    // The punctuation of a number stays: 0.5 is not 05.
    expect(dropScore('0.5', '05')).toEqual({ exactMatch: 0, f1: 0 });
  });

  it('may have very long numbers', () => {
    const number = '1'.repeat(500_000);
    const score = () => dropScore(`${number}x`, number);
    expect(withinTime(30, score, () => new Error('it takes more than 30 s'))).toEqual({ exactMatch: 0, f1: 0 });
  });

  it('have the numbers of Python, and are rounded to hundredths as NumPy does', () => {
    expect(dropScore('1_000', '2_000').exactMatch).toBe(0);
    expect(dropScore('1_000 men', '1e3 men').exactMatch).toBe(1);
    expect(dropScore('inf', 'nan').exactMatch).toBe(0);
    expect(dropScore('-inf', '-infinity').exactMatch).toBe(1);
    expect(dropScore('Marí', 'María').exactMatch).toBe(0);
    // 1/8 and 5/8 are halves of hundredths, which go to the even one.
    expect(dropScore(['12 three'], ['four 12', '11 nine six', 'five', 'four 11 three']).f1).toBe(0.12);
    expect(dropScore('one two three four five six seven eight', 'one two three four five nine ten eleven').f1).toBe(
      0.62,
    );
  });

  it('have no F1 without a number that is expected', () => {
    expect(dropScore('3 yards', '4 yards')).toEqual({ exactMatch: 0, f1: 0 });
    // P = 1/2, R = 1.
    expect(dropScore('4 yards', '4')).toEqual({ exactMatch: 0, f1: 0.67 });
    // No number is expected: P = 1/2, R = 1.
    expect(dropScore('yards 4', 'yards')).toEqual({ exactMatch: 0, f1: 0.67 });
  });

  it('of several spans are aligned so that F1 is largest, and those without a counterpart count as 0', () => {
    expect(dropScore(['b c', 'a'], ['a', 'b c'])).toEqual({ exactMatch: 1, f1: 1 });
    // 'x' is an article-free word; best is x y with x y, z with z.
    expect(dropScore(['z', 'x y'], ['x y', 'z', 'w'])).toEqual({ exactMatch: 0, f1: 0.67 });
    // Greedy would pair 'p q' with 'p q r' first (0.8), leaving 'p' with 's' (0): best is 0.5 + … of the other way.
    expect(dropScore(['p q', 'p'], ['p', 's'])).toEqual({ exactMatch: 0, f1: 0.5 });
    expect(dropScore([], ['p'])).toEqual({ exactMatch: 0, f1: 0 });
  });

  it('are aligned as by trying all ways', () => {
    const word = fc.constantFrom('p', 'q', 'r', 's', '1', '2');
    const spans = fc.array(
      fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(' ')),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const permutations = <T>(items: readonly T[]): T[][] =>
      items.length === 0
        ? [[]]
        : items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
    fc.assert(
      fc.property(spans, spans, (predicted, right) => {
        const length = Math.max(predicted.length, right.length);
        const alone = (prediction: string, reference: string) => {
          const [p, g] = [prediction, reference].map((text) => new Set(text.split(' '))) as [Set<string>, Set<string>];
          const numbers = [...g].filter((each) => /\d/.test(each));
          if (numbers.length > 0 && !numbers.some((number) => p.has(number))) return 0;
          const shared = [...g].filter((each) => p.has(each)).length;
          return shared === 0 ? 0 : (2 * shared) / (p.size + g.size);
        };
        const padded = [...predicted, ...Array<string | undefined>(length - predicted.length).fill(undefined)];
        const best = Math.max(
          ...permutations(padded).map((order) =>
            right.reduce((sum, each, i) => sum + (order[i] === undefined ? 0 : alone(order[i], each)), 0),
          ),
        );
        expect(dropScore(predicted, right).f1).toBeCloseTo(best / length, 1);
        expect(Math.abs(dropScore(predicted, right).f1 - best / length)).toBeLessThanOrEqual(0.005 + 1e-9);
      }),
      { numRuns: 200 },
    );
  });
});

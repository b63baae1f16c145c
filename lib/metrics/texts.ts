// Measures of one text against those that are right, as the official scripts of SQuAD define them.

const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/** Articles between what Python takes for no part of a word. */
export const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** A text as SQuAD compares it: lower case, without punctuation and articles, single spaces. */
export const normalizedAnswer = (text: string): string =>
  text
    .toLowerCase()
    .replace(PUNCTUATION, '')
    .replace(ARTICLES, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .join(' ');

const wordsOf = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** How many words two lists have in common, each as often as both have it. */
const common = (a: readonly string[], b: readonly string[]): number => {
  const left = new Map<string, number>();
  for (const word of a) left.set(word, (left.get(word) ?? 0) + 1);
  let count = 0;
  for (const word of b) {
    const times = left.get(word) ?? 0;
    if (times === 0) continue;
    left.set(word, times - 1);
    count++;
  }
  return count;
};

/** The harmonic mean of the shares that `shared` has of both. */
export const harmonic = (shared: number, predicted: number, right: number): number => {
  if (shared === 0) return 0;
  const [precision, recall] = [shared / predicted, shared / right];
  return (2 * precision * recall) / (precision + recall);
};

/** Mean over the examples of the best that any of an example's references gives. */
export const meanOfBest =
  (score: (prediction: string, reference: string) => number) =>
  (predictions: readonly string[], references: readonly (readonly string[])[]): number =>
    predictions.reduce((sum, prediction, i) => {
      const scores = references[i]!.map((reference) => score(prediction, reference));
      return sum + Math.max(0, ...scores);
    }, 0) / predictions.length;

/**
 * Measures the share of the texts that equal one of their references, apart from case, punctuation, articles and white
 * space (Rajpurkar et al. 2016).
 */
export const exactMatch = meanOfBest((prediction, reference) =>
  normalizedAnswer(prediction) === normalizedAnswer(reference) ? 1 : 0,
);

/**
 * Measures the mean F1 of the words that texts have in common with whichever of their references gives most
 * (Rajpurkar et al. 2016). Where one of the two has no word, it is 1 if the other has none (SQuAD 2.0).
 */
export const tokenF1 = meanOfBest((prediction, reference) => {
  const [predicted, right] = [wordsOf(normalizedAnswer(prediction)), wordsOf(normalizedAnswer(reference))];
  if (predicted.length === 0 || right.length === 0) return predicted.length === right.length ? 1 : 0;
  return harmonic(common(predicted, right), predicted.length, right.length);
});

/** The length of the longest common subsequence. */
const longestCommon = (a: readonly string[], b: readonly string[]): number => {
  let before = new Uint32Array(b.length + 1);
  for (const word of a) {
    const row = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      row[j] = word === b[j - 1] ? before[j - 1]! + 1 : Math.max(before[j]!, row[j - 1]!);
    }
    before = row;
  }
  return before[b.length]!;
};

const rougeWords = (text: string): string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];

/**
 * Measures ROUGE-L (Lin 2004): the mean F1 of the longest common subsequence of words, with the words of Google's
 * `rouge_score`, without stemming; of several references the best counts.
 */
export const rougeL = meanOfBest((prediction, reference) => {
  const [predicted, right] = [rougeWords(prediction), rougeWords(reference)];
  return harmonic(longestCommon(predicted, right), predicted.length, right.length);
});

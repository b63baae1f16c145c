import { ZestError } from '../errors.ts';
import type { ClassSpec } from '../tasks/class.ts';
import { type LabelWordSpec, labelWordIds } from '../tasks/label-words.ts';
import { parseTemplate, textBeforeMask } from '../tasks/template.ts';
import type { Tokenizer } from '../tasks/tokenizer.ts';

/** A task for some labels, and why it is this one. */
export interface ProposedTask {
  task: LabelWordSpec | ClassSpec;
  /** Names of the labels, in the order of the task. */
  names: string[];
  /** Sentences about the label words, or why there are none. */
  why: string[];
}

/** What asks a model for a word. */
interface LabelWords {
  template: string;
  labelWords: readonly string[];
}

/** Labels whose meaning is known, in an order, with words for them. */
interface Known {
  labels: readonly string[];
  words: readonly (readonly string[])[];
}

const BAD_GOOD = [
  ['terrible', 'great'],
  ['bad', 'good'],
];
const YES_NO = [
  ['Yes', 'No'],
  ['yes', 'no'],
];
const YES_MAYBE_NO = [
  ['Yes', 'Maybe', 'No'],
  ['yes', 'maybe', 'no'],
];
const KNOWN: readonly Known[] = [
  { labels: ['negative', 'positive'], words: BAD_GOOD },
  { labels: ['neg', 'pos'], words: BAD_GOOD },
  { labels: ['bad', 'good'], words: BAD_GOOD },
  {
    labels: ['negative', 'neutral', 'positive'],
    words: [
      ['terrible', 'okay', 'great'],
      ['bad', 'fine', 'good'],
    ],
  },
  {
    labels: ['entailment', 'neutral', 'contradiction'],
    words: YES_MAYBE_NO,
  },
  { labels: ['entailment', 'not_entailment'], words: YES_NO },
  { labels: ['1', '2', '3', '4', '5'], words: [['terrible', 'bad', 'okay', 'good', 'great']] },
];

const isWhole = (label: string): boolean => /^-?\d+$/.test(label);

/** Labels in the order of their numbers, or of the alphabet. */
const ordered = (labels: readonly string[]): string[] =>
  labels.every(isWhole) ? [...labels].sort((a, b) => Number(a) - Number(b)) : [...labels].sort();

/** Whether words are one token each in the mask's place of a template. */
const fits = ({ template, labelWords }: LabelWords, tokenizer: Tokenizer): boolean => {
  try {
    return labelWordIds(labelWords, tokenizer, textBeforeMask(parseTemplate(template))).length > 0;
  } catch (error) {
    if (error instanceof ZestError) return false;
    throw error;
  }
};

/** Numbers for labels, what they mostly mean, and words for that. */
interface Numbered {
  labels: string;
  /** Columns of the texts that they are so for; the first entry that fits counts. */
  texts: RegExp;
  words: readonly (readonly string[])[];
  meaning: string;
}

const INFERENCE = /^(premise hypothesis|question sentence)$/i;
const NUMBERED: readonly Numbered[] = [
  { labels: '0,1', texts: INFERENCE, words: YES_NO, meaning: '0 is taken for entailment, as RTE and QNLI have it' },
  {
    labels: '0,1,2',
    texts: INFERENCE,
    words: YES_MAYBE_NO,
    meaning: 'they are taken for entailment, neutral and contradiction, as MNLI and SNLI have them (CB has not)',
  },
  {
    labels: '0,1',
    texts: / /,
    words: YES_NO.map((words) => words.toReversed()),
    meaning: '0 is taken for no, and 1 for yes',
  },
  { labels: '0,1', texts: /^/, words: BAD_GOOD, meaning: '0 is taken for bad, and 1 for good' },
];

/** Words for labels, best first, and how they come about. */
const wordsFor = (
  labels: readonly string[],
  texts: readonly string[],
): { lists: readonly (readonly string[])[]; why: string[] } => {
  const known = KNOWN.find((one) => one.labels.join('\n') === labels.map((label) => label.toLowerCase()).join('\n'));
  if (known) return { lists: known.words, why: [] };
  const columns = texts.map((name) => name.replaceAll(' ', '_')).join(' ');
  const numbered = NUMBERED.find((one) => one.labels === labels.join() && one.texts.test(columns));
  if (numbered) {
    const why = `The labels are numbers, which do not say what they mean: ${numbered.meaning}. Put in words that fit.`;
    return { lists: numbered.words, why: [why] };
  }
  if (labels.some(isWhole)) return { lists: [], why: ['The labels are numbers, which say no words.'] };
  return { lists: [labels, labels.map((label) => label.toLowerCase())], why: [] };
};

/** Known labels in their order, others in that of {@link ordered}. */
const inOrder = (labels: readonly string[]): string[] => {
  const lower = new Map(labels.map((label) => [label.toLowerCase(), label]));
  const known = KNOWN.find(
    (one) => one.labels.length === labels.length && one.labels.every((label) => lower.has(label)),
  );
  return known ? known.labels.map((label) => lower.get(label) as string) : ordered(labels);
};

/**
 * Templates for words, best first. A causal model is asked for the next word: after a space, or after a quotation mark,
 * where words that are no token with a space before them may be one.
 */
const templatesFor = (texts: readonly string[], words: readonly string[], causal: boolean): string[] => {
  const [first, second] = texts.map((name) => `{${name}}`);
  const judges = [...BAD_GOOD, ...KNOWN.flatMap((known) => known.words)].some((list) => list.includes(words[0]!));
  const question = judges ? 'it was' : 'this is about';
  if (causal) {
    const asked = second === undefined ? `${first} . ${question}` : `${first} . ${second} ? the answer is`;
    return [`${asked} {mask}`, `${asked} "{mask}`];
  }
  return [second === undefined ? `${first} . ${question} {mask} .` : `${first} ? {mask} , {segment}${second}`];
};

/**
 * Proposes a task: words in the place of a mask, or as the next word of a causal model, where the labels are words of the
 * model's or say which would do, a new head otherwise.
 */
export const proposeTask = (
  { texts, label }: { texts: readonly string[]; label: string },
  labels: readonly string[],
  tokenizer: Tokenizer,
): ProposedTask => {
  const names = inOrder(labels);
  const field = label === 'label' ? {} : { labelField: label };
  const { lists, why } = wordsFor(names, texts);
  const { causal } = tokenizer;
  const asks = causal || tokenizer.maskId !== undefined;
  const ways = (asks ? lists : []).map((labelWords) =>
    templatesFor(texts, labelWords, causal).map((template) => ({ template, labelWords })),
  );
  // Words after a space come first, whichever they are.
  const words = [...ways.map((way) => way[0]), ...ways.flatMap((way) => way.slice(1))].find(
    (way) => way !== undefined && fits(way, tokenizer),
  );
  const numbered = names.every((name, i) => name === `${i}`);
  if (words) {
    const isSame = words.labelWords.join('\n') === names.join('\n');
    const labelNames = numbered || isSame ? {} : { labels: names };
    const next = causal ? ['The model reads from left to right: the gap is at the end, for the next word.'] : [];
    return { task: { ...words, ...labelNames, ...field }, names, why: [...next, ...why] };
  }
  const reason =
    lists.length === 0
      ? undefined
      : asks
        ? `Words for the labels are not one token each of this model: ${[...new Set(lists.map((list) => list.join(', ')))].join('; ')}.`
        : 'The model has no mask and is not causal, so that words cannot be asked for.';
  return {
    task: { kind: 'class', fields: texts, classes: names.length, ...(!numbered && { labels: names }), ...field },
    names,
    why: [
      ...why,
      ...(reason ? [reason] : []),
      'A new head learns slowly: a template with a word a label is better where there are such words.',
    ],
  };
};

import { join } from 'node:path';
import { spaced } from '../data/sampling.ts';
import { RATED_WORDS, ratedWords } from '../demo/words.ts';
import type { Config } from '../training/schema.ts';
import {
  type Files,
  type MakeFiles,
  readLines,
  type SplitSizes,
  sizedFiles,
  sizedSplits,
  withValidation,
  writeRows,
} from './splits.ts';

/** The words of the demo. */
const ratedWordFiles = async (_: readonly string[], scratch: string): Promise<Files> => {
  const { train, heldOut } = await ratedWords();
  const split = await withValidation(scratch, train);
  return { ...split, test: await writeRows(join(scratch, 'test.jsonl'), heldOut) };
};

/** Where a data set's files are. */
const splitsOf = (dataset: string, ...splits: string[]): string[] => splits.map((split) => `${dataset}/${split}`);

const threeSplits = (dataset: string): Pick<Source, 'paths' | 'files'> => ({
  paths: splitsOf(dataset, 'train', 'validation', 'test'),
  files: async ([train, validation, test]: readonly string[]): Promise<Files> => ({ train, validation, test }) as Files,
});

/** Few of a decoder to choose by, since each run scores them before and after. */
const DECODER_SIZES: SplitSizes = { train: 1000, validation: 64 };
const PROMPTED_SIZES: SplitSizes = { train: 8000, validation: 500, test: 1000 };

const trecFiles = async ([all, test]: readonly string[], scratch: string): Promise<Files> => {
  return { ...(await withValidation(scratch, await readLines(all as string))), test: test as string };
};

/** Single tokens of the built-in model's vocabulary, for DESC, ENTY, ABBR, HUM, NUM, LOC. */
const TREC_WORDS = ['description', 'thing', 'term', 'person', 'number', 'place'];

/** A data set, and what is made of it. */
export interface Source {
  task: Config['task'];
  /** Files that have to be there, below the folder of data sets and without their ending. */
  paths: readonly string[];
  files: MakeFiles;
  /** Tokens of a sequence at most, of a task of the decoder. */
  maxLength?: number;
  /** Training examples a class; `undefined`: all. */
  shots: readonly (number | undefined)[];
  /** Shares of the labels drawn at random, with the larger of the two numbers of examples. */
  labelNoise?: readonly number[];
  /** Forward passes of a run: half as many where a text is two or three times as long. */
  forwards: number;
}

const NOISE = [0.2, 0.4];

/** Of the built-in model. */
export const SOURCES: Readonly<Record<string, Source>> = {
  afinn: {
    task: RATED_WORDS,
    paths: [],
    files: ratedWordFiles,
    shots: [16, undefined],
    labelNoise: NOISE,
    forwards: 4000,
  },
  sst2: { task: 'sst2', ...threeSplits('sst2'), shots: [16, 512], labelNoise: NOISE, forwards: 2000 },
  mr: { task: 'mr', ...threeSplits('mr'), shots: [16, 512], labelNoise: NOISE, forwards: 2000 },
  sst5: { task: 'sst5', ...threeSplits('sst5'), shots: [16, 512], forwards: 2000 },
  trec: {
    task: { template: '{mask} : {sentence}', labelWords: TREC_WORDS },
    paths: splitsOf('trec', 'train', 'test'),
    files: trecFiles,
    shots: [16, undefined],
    forwards: 4000,
  },
};

/** Data sets, one text of each row, and a word that says what they are of: a single token of the built-in model. */
const DOMAINS = [
  { dataset: 'sst2', test: 'validation', text: 'sentence', word: 'film' },
  { dataset: 'trec', test: 'test', text: 'sentence', word: 'question' },
  { dataset: 'cola', test: 'validation', text: 'sentence', word: 'language' },
  { dataset: 'snli', test: 'validation', text: 'premise', word: 'image' },
  { dataset: 'mrpc', test: 'validation', text: 'sentence1', word: 'news' },
  { dataset: 'qqp', test: 'validation', text: 'question1', word: 'web' },
];
const DOMAIN_SIZES = { train: 9000, validation: 600, test: 1200 };

/** Texts of all data sets, whose label is which of them they are of. */
const domainFiles: MakeFiles = async (there, scratch) => {
  const rows = await Promise.all(there.map(readLines));
  const labelled = (of: readonly (readonly object[])[], count: number): object[] =>
    DOMAINS.flatMap(({ text }, label) =>
      spaced(of[label] ?? [], count / DOMAINS.length).map((row) => ({
        sentence: (row as Record<string, unknown>)[text],
        label,
      })),
    );
  const { train, validation, test } = DOMAIN_SIZES;
  const [known, unseen] = [rows.slice(0, DOMAINS.length), rows.slice(DOMAINS.length)];
  return sizedSplits(labelled(known, train + validation), labelled(unseen, test), DOMAIN_SIZES, scratch);
};

/** Texts in a prompt whose gap is one of some words, single tokens of the built-in model. */
const prompted = (dataset: string, template: string, labelWords: string[]): Source => ({
  task: { template, labelWords },
  paths: splitsOf(dataset, 'train', 'validation'),
  files: sizedFiles(PROMPTED_SIZES),
  shots: [512],
  forwards: 2000,
});

const THREE_WAY = ['yes', 'maybe', 'no'];

/** Data sets on which no rule of `auto` was chosen, so that they can prove one. */
export const UNSEEN_SOURCES: Readonly<Record<string, Source>> = {
  domain: {
    task: { template: '{mask} : {sentence}', labelWords: DOMAINS.map(({ word }) => word) },
    paths: [
      ...DOMAINS.map(({ dataset }) => `${dataset}/train`),
      ...DOMAINS.map(({ dataset, test }) => `${dataset}/${test}`),
    ],
    files: domainFiles,
    shots: [16, 512],
    forwards: 2000,
  },
  cola: prompted('cola', '{sentence} This is {mask}.', ['wrong', 'correct']),
  mrpc: prompted('mrpc', '{sentence1} {mask}, {sentence2}', ['no', 'yes']),
  qqp: prompted('qqp', '{question1} {mask}, {question2}', ['no', 'yes']),
  qnli: prompted('qnli', '{question} {mask}, {sentence}', ['yes', 'no']),
  rte: prompted('rte', '{premise}? {mask}, {hypothesis}', ['yes', 'no']),
  wic: prompted('wic', '{sentence1} {sentence2} Does {word} mean the same? {mask}.', ['no', 'yes']),
  mnli: prompted('mnli', '{premise}? {mask}, {hypothesis}', THREE_WAY),
  snli: { ...prompted('snli', '{premise}? {mask}, {hypothesis}', THREE_WAY), shots: [16, 512], labelNoise: [0.4] },
};

/** SQuAD whose rows have no title, and a list of answers, as the subset of these experiments. */
const SQUAD: Config['task'] = {
  kind: 'generate',
  prompt: 'Context: {context}\nQuestion: {question}\nAnswer: ',
  answer: 'answers',
  within: 'context',
  metrics: ['tokenF1', 'exactMatch'],
  maxTokens: 50,
  stop: ['\n'],
};

/** Tasks of the decoder, by their data set: what is told of each, beside what is the same for all. */
const DECODER_TASKS: Readonly<Record<string, { maxLength: number } & Partial<Source>>> = {
  sst2: { maxLength: 96 },
  rte: { maxLength: 256 },
  boolq: { maxLength: 384 },
  copa: { maxLength: 96 },
  squad: { maxLength: 512, task: SQUAD, paths: splitsOf('squad', 'validation') },
};

export const DECODER_SOURCES: Readonly<Record<string, Source>> = Object.fromEntries(
  Object.entries(DECODER_TASKS).map(([task, told]): [string, Source] => [
    task,
    {
      task,
      paths: splitsOf(task, 'train', 'validation'),
      files: sizedFiles(DECODER_SIZES),
      shots: [undefined],
      forwards: 2000,
      ...told,
    },
  ]),
);

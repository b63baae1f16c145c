import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RATED_WORDS, ratedWords } from '../demo/words.ts';
import { rangeError, ZestError } from '../errors.ts';
import { makeFolder, writeAtomic } from '../files.ts';
import { firstMetric } from '../tasks/load.ts';
import { definitionOf, type Metric } from '../tasks/metrics.ts';
import type { Config } from '../training/schema.ts';

/** The files of a data set. */
type Files = Record<'train' | 'validation' | 'test', string>;

/** What an experiment trains, and on what it trains and tests. */
export type Dataset = Pick<Config, 'task' | 'model' | 'trainable'> & {
  data: Omit<Config['data'], keyof Files> & Files;
  /** Examples of a step. */
  batchSize: number;
  maxLength?: number;
};

/** Every fifth training example takes part in the choice of the learning rate instead, where a source has no split for it. */
const VALIDATION_EVERY = 5;

const writeRows = async (file: string, rows: readonly object[]): Promise<string> => {
  await writeAtomic(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
};

const withValidation = async (folder: string, rows: readonly object[]): Promise<Omit<Files, 'test'>> => {
  await makeFolder(folder);
  const isValidation = (_: object, i: number) => i % VALIDATION_EVERY === VALIDATION_EVERY - 1;
  return {
    train: await writeRows(
      join(folder, 'train.jsonl'),
      rows.filter((row, i) => !isValidation(row, i)),
    ),
    validation: await writeRows(join(folder, 'validation.jsonl'), rows.filter(isValidation)),
  };
};

/** The words of the demo. */
const ratedWordFiles = async (_: readonly string[], scratch: string): Promise<Files> => {
  const { train, heldOut } = await ratedWords();
  const split = await withValidation(scratch, train);
  return { ...split, test: await writeRows(join(scratch, 'test.jsonl'), heldOut) };
};

const threeSplits = {
  splits: ['train', 'validation', 'test'],
  files: async ([train, validation, test]: readonly string[]): Promise<Files> => ({ train, validation, test }) as Files,
};

const readLines = async (file: string): Promise<object[]> => {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
};

/** So many rows at equal distances, all if there are fewer. */
const spaced = (rows: readonly object[], count: number): object[] =>
  count >= rows.length
    ? [...rows]
    : Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)] as object);

/** Examples of the splits that are made of longer files. */
interface SplitSizes {
  train: number;
  validation: number;
  /** Default: as many as are asked for. */
  test?: number;
}

/** Few of a decoder to choose by, since each run scores them before and after. */
const DECODER_SIZES: SplitSizes = { train: 1000, validation: 64 };
const PAIR_SIZES: SplitSizes = { train: 8000, validation: 500, test: 1000 };

/** Of a file to train and one to test on; of one alone the last fifth, so that a text is on one side. */
const sizedFiles =
  ({ train, validation, test }: SplitSizes): Source['files'] =>
  async (there, scratch, examples) => {
    const [first = [], second] = await Promise.all(there.map(readLines));
    const cut = Math.floor((first.length * (VALIDATION_EVERY - 1)) / VALIDATION_EVERY);
    const [known, unseen] = second === undefined ? [first.slice(0, cut), first.slice(cut)] : [first, second];
    const used = spaced(known, train + validation);
    const held = new Set(spaced(used, validation));
    await makeFolder(scratch);
    return {
      train: await writeRows(
        join(scratch, 'train.jsonl'),
        used.filter((row) => !held.has(row)),
      ),
      validation: await writeRows(join(scratch, 'validation.jsonl'), [...held]),
      test: await writeRows(join(scratch, 'test.jsonl'), spaced(unseen, test ?? examples)),
    };
  };

const trecFiles = async ([all, test]: readonly string[], scratch: string): Promise<Files> => {
  return { ...(await withValidation(scratch, await readLines(all as string))), test: test as string };
};

/** Single tokens of the built-in model's vocabulary, for DESC, ENTY, ABBR, HUM, NUM, LOC. */
const TREC_WORDS = ['description', 'thing', 'term', 'person', 'number', 'place'];

interface Source {
  task: Dataset['task'];
  /** Files that have to be there: NAME/SPLIT.jsonl. */
  splits: readonly string[];
  /**
   * The files of a run, of those that are there; `scratch` is the folder for those that are made, `examples` how many
   * to test on.
   */
  files(there: readonly string[], scratch: string, examples: number): Promise<Files>;
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
const SOURCES: Readonly<Record<string, Source>> = {
  afinn: {
    task: RATED_WORDS,
    splits: [],
    files: ratedWordFiles,
    shots: [16, undefined],
    labelNoise: NOISE,
    forwards: 4000,
  },
  sst2: { task: 'sst2', ...threeSplits, shots: [16, 512], labelNoise: NOISE, forwards: 2000 },
  mr: { task: 'mr', ...threeSplits, shots: [16, 512], labelNoise: NOISE, forwards: 2000 },
  sst5: { task: 'sst5', ...threeSplits, shots: [16, 512], forwards: 2000 },
  trec: {
    task: { template: '{mask} : {sentence}', labelWords: TREC_WORDS },
    splits: ['train', 'test'],
    files: trecFiles,
    shots: [16, undefined],
    forwards: 4000,
  },
};

/** Two texts and a word between that says how the second follows; words are single tokens of the built-in model. */
const pairs = (template: string, labelWords: string[]): Source => ({
  task: { template, labelWords },
  splits: ['train', 'validation'],
  files: sizedFiles(PAIR_SIZES),
  shots: [512],
  forwards: 2000,
});

const THREE_WAY = ['yes', 'maybe', 'no'];

/** Data sets on which no rule of `auto` was chosen, so that they can prove one. */
const UNSEEN_SOURCES: Readonly<Record<string, Source>> = {
  cola: pairs('{sentence} This is {mask}.', ['wrong', 'correct']),
  mrpc: pairs('{sentence1} {mask}, {sentence2}', ['no', 'yes']),
  qqp: pairs('{question1} {mask}, {question2}', ['no', 'yes']),
  qnli: pairs('{question} {mask}, {sentence}', ['yes', 'no']),
  rte: pairs('{premise}? {mask}, {hypothesis}', ['yes', 'no']),
  wic: pairs('{sentence1} {sentence2} Does {word} mean the same? {mask}.', ['no', 'yes']),
  mnli: pairs('{premise}? {mask}, {hypothesis}', THREE_WAY),
  snli: { ...pairs('{premise}? {mask}, {hypothesis}', THREE_WAY), shots: [16, 512], labelNoise: [0.4] },
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
  squad: { maxLength: 512, task: SQUAD, splits: ['validation'] },
};

const DECODER_SOURCES: Readonly<Record<string, Source>> = Object.fromEntries(
  Object.entries(DECODER_TASKS).map(([task, told]): [string, Source] => [
    task,
    {
      task,
      splits: ['train', 'validation'],
      files: sizedFiles(DECODER_SIZES),
      shots: [undefined],
      forwards: 2000,
      ...told,
    },
  ]),
);

interface Setting {
  dataset: string;
  source: Source;
  shots: number | undefined;
  labelNoise: number;
  /** What is trained of the decoder; `undefined`: the built-in model. */
  decoder?: 'full' | 'lora';
}

const settingName = ({ dataset, shots, labelNoise, decoder }: Setting): string =>
  decoder
    ? `smollm2-${dataset}-${decoder}`
    : [dataset, ...(shots === undefined ? [] : [shots]), ...(labelNoise === 0 ? [] : [`noise-${labelNoise}`])].join(
        '-',
      );

const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  [
    ...Object.entries({ ...SOURCES, ...UNSEEN_SOURCES }).flatMap(([dataset, source]): Setting[] => [
      ...source.shots.map((shots) => ({ dataset, source, shots, labelNoise: 0 })),
      ...(source.labelNoise ?? []).map((labelNoise) => ({ dataset, source, shots: source.shots.at(-1), labelNoise })),
    ]),
    ...Object.entries(DECODER_SOURCES).flatMap(([dataset, source]) =>
      (['full', 'lora'] as const).map(
        (decoder): Setting => ({ dataset, source, shots: undefined, labelNoise: 0, decoder }),
      ),
    ),
  ].map((setting) => [settingName(setting), setting]),
);

/** Names of experiments: a data set, training examples a class, share of training labels drawn at random. */
export const EXPERIMENTS: readonly string[] = [...SETTINGS.keys()];

const settingOf = (name: string): Setting => {
  const setting = SETTINGS.get(name);
  if (setting) return setting;
  throw rangeError('ERR_ZEST_OPTION', `experiment ${JSON.stringify(name)} is none of ${EXPERIMENTS.join(', ')}`);
};

/**
 * Gives the default number of forward passes of each run of an experiment.
 *
 * @throws ERR_ZEST_OPTION for an unknown name
 */
export const experimentForwards = (name: string): number => settingOf(name).source.forwards;

/**
 * Finds the metric that an experiment's methods are judged by: the first of its task.
 *
 * @throws ERR_ZEST_OPTION for an unknown name
 */
export const experimentMetric = (name: string): Metric => firstMetric(settingOf(name).source.task);

/**
 * Finds the files that an experiment needs. `folder` has one a data set, sst2/ say.
 *
 * @throws ERR_ZEST_OPTION for an unknown name, or where a folder is needed, ERR_ZEST_DATA for a file that is not there
 */
export const experimentFiles = async (name: string, folder: string | undefined): Promise<string[]> => {
  const { source, dataset } = settingOf(name);
  if (source.splits.length > 0 && folder === undefined) {
    throw rangeError('ERR_ZEST_OPTION', `--data is missing; expected the folder that has ${dataset}/`);
  }
  const files = source.splits.map((split) => join(folder ?? '', dataset, `${split}.jsonl`));
  for (const file of files) {
    await access(file).catch((cause) => {
      const message = `${file} is not there; --data names the folder that has ${dataset}/`;
      throw new ZestError('ERR_ZEST_DATA', message, { cause });
    });
  }
  return files;
};

/** Whether an experiment's answers are classes or choices, which a classifier of embeddings gives. */
export const hasClasses = (name: string): boolean => definitionOf(experimentMetric(name)).of === 'classes';

const ENCODER = { model: 'film-roberta-mini', batchSize: 16 };
const LORA = { lora: { rank: 8, alpha: 16 } };

/** Whether an experiment is of the decoder. */
export const isOfDecoder = (name: string): boolean => settingOf(name).decoder !== undefined;

/** How a learning rate is scaled against that of the built-in model's parameters, where a search for one begins. */
export const rateFactor = (name: string): number =>
  ({ full: 0.1, lora: 100, none: 1 })[settingOf(name).decoder ?? 'none'];

/** What is asked of the decoder. */
export interface DecoderOptions {
  /** A folder or a name. Default HuggingFaceTB/SmolLM2-135M-Instruct. */
  model?: string;
  /** Examples to test on. Default 256. */
  examples?: number;
}

/** The data of an experiment, of the files that {@link experimentFiles} found; what is made is written to `scratch`. */
export const experimentData = async (
  name: string,
  files: readonly string[],
  scratch: string,
  { model = 'HuggingFaceTB/SmolLM2-135M-Instruct', examples = 256 }: DecoderOptions = {},
): Promise<Dataset> => {
  const { source, shots, labelNoise, decoder } = settingOf(name);
  const { task, maxLength } = source;
  const data = { ...(await source.files(files, scratch, examples)), shots, labelNoise };
  if (decoder === undefined) return { task, data, ...ENCODER };
  return { task, data, model, batchSize: 8, maxLength, ...(decoder === 'lora' && { trainable: LORA }) };
};

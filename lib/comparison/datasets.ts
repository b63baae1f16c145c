import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RATED_WORDS, ratedWords } from '../demo/words.ts';
import { rangeError, ZestError } from '../errors.ts';
import { makeFolder, writeAtomic } from '../files.ts';
import { firstMetric } from '../tasks/load.ts';
import type { Metric } from '../tasks/metrics.ts';
import type { Config } from '../training/schema.ts';

/** The files of a data set. */
type Files = Record<'train' | 'validation' | 'test', string>;

/** What an experiment trains and tests on. */
export type Dataset = Pick<Config, 'task'> & { data: Omit<Config['data'], keyof Files> & Files };

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

const trecFiles = async ([all, test]: readonly string[], scratch: string): Promise<Files> => {
  const lines = (await readFile(all as string, 'utf8')).split('\n').filter((line) => line !== '');
  const rows = lines.map((line) => JSON.parse(line));
  return { ...(await withValidation(scratch, rows)), test: test as string };
};

/** Single tokens of the built-in model's vocabulary, for DESC, ENTY, ABBR, HUM, NUM, LOC. */
const TREC_WORDS = ['description', 'thing', 'term', 'person', 'number', 'place'];

interface Source {
  task: Dataset['task'];
  /** Files that have to be there: NAME/SPLIT.jsonl. */
  splits: readonly string[];
  /** The files of a run, of those that are there; `scratch` is the folder for those that are made. */
  files(there: readonly string[], scratch: string): Promise<Files>;
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

interface Setting {
  dataset: string;
  source: Source;
  shots: number | undefined;
  labelNoise: number;
}

const settingName = ({ dataset, shots, labelNoise }: Setting): string =>
  [dataset, ...(shots === undefined ? [] : [shots]), ...(labelNoise === 0 ? [] : [`noise-${labelNoise}`])].join('-');

const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  Object.entries(SOURCES)
    .flatMap(([dataset, source]): Setting[] => [
      ...source.shots.map((shots) => ({ dataset, source, shots, labelNoise: 0 })),
      ...(source.labelNoise ?? []).map((labelNoise) => ({ dataset, source, shots: source.shots.at(-1), labelNoise })),
    ])
    .map((setting) => [settingName(setting), setting]),
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
 * Finds the files that an experiment needs. `folder` has sst2/, mr/, sst5/ and trec/.
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

/** The data of an experiment, of the files that {@link experimentFiles} found; what is made is written to `scratch`. */
export const experimentData = async (name: string, files: readonly string[], scratch: string): Promise<Dataset> => {
  const { source, shots, labelNoise } = settingOf(name);
  return { task: source.task, data: { ...(await source.files(files, scratch)), shots, labelNoise } };
};

import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RATED_WORDS, ratedWords } from '../demo/words.ts';
import { rangeError, ZestError } from '../errors.ts';
import { writeAtomic } from '../files.ts';
import { firstMetric } from '../tasks/load.ts';
import type { Metric } from '../tasks/metrics.ts';
import type { Config } from '../training/schema.ts';

/** The files of a data set. */
type Files = Record<'train' | 'validation' | 'test', string>;

/** What an experiment trains and tests on. */
export type Dataset = Pick<Config, 'task'> & { data: Config['data'] & Files };

/** Every fifth training example takes part in the choice of the learning rate instead, where a source has no split for it. */
const VALIDATION_EVERY = 5;

const writeRows = async (file: string, rows: readonly object[]): Promise<string> => {
  await writeAtomic(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
};

const withValidation = async (folder: string, rows: readonly object[]): Promise<Omit<Files, 'test'>> => {
  await mkdir(folder, { recursive: true });
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
const ratedWordFiles = async (_: string, scratch: string): Promise<Files> => {
  const { train, heldOut } = await ratedWords();
  const split = await withValidation(scratch, train);
  return { ...split, test: await writeRows(join(scratch, 'test.jsonl'), heldOut) };
};

const fromFolder = async (folder: string, name: string, splits: readonly string[]): Promise<string[]> => {
  const files = splits.map((split) => join(folder, name, `${split}.jsonl`));
  for (const file of files) {
    await access(file).catch((cause) => {
      throw new ZestError('ERR_ZEST_DATA', `${file} is not there; --data names the folder that has ${name}/`, {
        cause,
      });
    });
  }
  return files;
};

const threeSplits =
  (name: string) =>
  async (folder: string): Promise<Files> => {
    const files = await fromFolder(folder, name, ['train', 'validation', 'test']);
    const [train, validation, test] = files as [string, string, string];
    return { train, validation, test };
  };

const trecFiles = async (folder: string, scratch: string): Promise<Files> => {
  const [all, test] = (await fromFolder(folder, 'trec', ['train', 'test'])) as [string, string];
  const lines = (await readFile(all, 'utf8')).split('\n').filter((line) => line !== '');
  const rows = lines.map((line) => JSON.parse(line));
  return { ...(await withValidation(scratch, rows)), test };
};

/** Single tokens of the built-in model's vocabulary, for DESC, ENTY, ABBR, HUM, NUM, LOC. */
const TREC_WORDS = ['description', 'thing', 'term', 'person', 'number', 'place'];

interface Source {
  task: Dataset['task'];
  /** Finds or makes the files: `folder` is that of `--data`, `scratch` for those that are made. */
  files(folder: string, scratch: string): Promise<Files>;
  /** Training examples a class; `undefined`: all. */
  shots: readonly (number | undefined)[];
  /** Shares of the labels drawn at random, with the larger of the two numbers of examples. */
  labelNoise?: readonly number[];
  /** Forward passes of a run: half as many where a text is two or three times as long. */
  forwards: number;
}

const NOISE = [0.2, 0.4];
const SOURCES: Readonly<Record<string, Source>> = {
  afinn: { task: RATED_WORDS, files: ratedWordFiles, shots: [16, undefined], labelNoise: NOISE, forwards: 4000 },
  sst2: { task: 'sst2', files: threeSplits('sst2'), shots: [16, 512], labelNoise: NOISE, forwards: 2000 },
  mr: { task: 'mr', files: threeSplits('mr'), shots: [16, 512], labelNoise: NOISE, forwards: 2000 },
  sst5: { task: 'sst5', files: threeSplits('sst5'), shots: [16, 512], forwards: 2000 },
  trec: {
    task: { template: '{mask} : {sentence}', labelWords: TREC_WORDS },
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
 * The data of an experiment. `folder` has sst2/, mr/, sst5/ and trec/; what is made is written to `scratch`.
 *
 * @throws ERR_ZEST_OPTION for an unknown name, ERR_ZEST_DATA for a file that is not there
 */
export const experimentData = async (name: string, folder: string, scratch: string): Promise<Dataset> => {
  const { source, shots, labelNoise } = settingOf(name);
  return { task: source.task, data: { ...(await source.files(folder, scratch)), shots, labelNoise } };
};

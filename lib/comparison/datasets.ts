import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ratedWords } from '../demo/words.ts';
import { rangeError, ZestError } from '../errors.ts';
import { writeAtomic } from '../files.ts';
import type { Config } from '../training/schema.ts';

/** What an experiment trains and tests on. */
export type Dataset = Pick<Config, 'task'> & { data: Config['data'] & { validation: string; test: string } };

/** Every fifth training example takes part in the choice of the learning rate instead, where a source has no split for it. */
const VALIDATION_EVERY = 5;

const writeRows = async (file: string, rows: readonly object[]): Promise<string> => {
  await writeAtomic(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
};

const withValidation = async (
  folder: string,
  rows: readonly object[],
): Promise<{ train: string; validation: string }> => {
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

/** The words of the demo, and its prompt. */
const afinn = async (scratch: string): Promise<Dataset> => {
  const { train, heldOut } = await ratedWords();
  const split = await withValidation(scratch, train);
  return {
    task: { template: 'the film is {word} . i {mask} it .', labelWords: ['hated', 'loved'] },
    data: { ...split, test: await writeRows(join(scratch, 'test.jsonl'), heldOut) },
  };
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

const threeSplits = async (folder: string, name: string): Promise<Dataset> => {
  const [train, validation, test] = (await fromFolder(folder, name, ['train', 'validation', 'test'])) as [
    string,
    string,
    string,
  ];
  return { task: name, data: { train, validation, test } };
};

/** Single tokens of the built-in model's vocabulary, for DESC, ENTY, ABBR, HUM, NUM, LOC. */
const TREC_WORDS = ['description', 'thing', 'term', 'person', 'number', 'place'];

const trec = async (folder: string, scratch: string): Promise<Dataset> => {
  const [all, test] = (await fromFolder(folder, 'trec', ['train', 'test'])) as [string, string];
  const lines = (await readFile(all, 'utf8')).split('\n').filter((line) => line !== '');
  return {
    task: { template: '{mask} : {sentence}', labelWords: TREC_WORDS },
    data: {
      ...(await withValidation(
        scratch,
        lines.map((line) => JSON.parse(line)),
      )),
      test,
    },
  };
};

interface Source {
  /** Training examples a class; `undefined`: all. */
  shots: readonly (number | undefined)[];
  /** Shares of the labels drawn at random, with the larger of the two numbers of examples. */
  labelNoise?: readonly number[];
  /** Of a run: half as many where a text is two or three times as long. */
  forwards: number;
}

const SOURCES: Readonly<Record<string, Source>> = {
  afinn: { shots: [16, undefined], labelNoise: [0.2, 0.4], forwards: 4000 },
  sst2: { shots: [16, 512], labelNoise: [0.2, 0.4], forwards: 2000 },
  mr: { shots: [16, 512], labelNoise: [0.2, 0.4], forwards: 2000 },
  sst5: { shots: [16, 512], forwards: 2000 },
  trec: { shots: [16, undefined], forwards: 4000 },
};

interface Setting {
  dataset: string;
  shots: number | undefined;
  labelNoise: number;
  forwards: number;
}

const settingName = ({ dataset, shots, labelNoise }: Setting): string =>
  [dataset, ...(shots === undefined ? [] : [shots]), ...(labelNoise === 0 ? [] : [`noise-${labelNoise}`])].join('-');

const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  Object.entries(SOURCES)
    .flatMap(([dataset, { shots, labelNoise = [], forwards }]): Setting[] => [
      ...shots.map((shots) => ({ dataset, shots, labelNoise: 0, forwards })),
      ...labelNoise.map((labelNoise) => ({ dataset, shots: shots.at(-1), labelNoise, forwards })),
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

/** Forward passes of each run of an experiment, unless told otherwise. Throws ERR_ZEST_OPTION for an unknown name. */
export const experimentForwards = (name: string): number => settingOf(name).forwards;

/**
 * The data of an experiment. `folder` has sst2/, mr/, sst5/ and trec/; what is made is written to `scratch`.
 *
 * Throws ERR_ZEST_OPTION for an unknown name, ERR_ZEST_DATA for a file that is not there.
 */
export const experimentData = async (name: string, folder: string, scratch: string): Promise<Dataset> => {
  const { dataset, shots, labelNoise } = settingOf(name);
  const source = await (dataset === 'afinn'
    ? afinn(scratch)
    : dataset === 'trec'
      ? trec(folder, scratch)
      : threeSplits(folder, dataset));
  return { ...source, data: { ...source.data, shots, labelNoise } };
};

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spaced } from '../data/sampling.ts';
import { makeFolder, writeAtomic } from '../files/files.ts';

/** The files of a data set. */
export type Files = Record<'train' | 'validation' | 'test', string>;

/**
 * Makes the files of a run, of those that are there; `scratch` is the folder for those that are made, `examples` how many
 * to test on.
 */
export type MakeFiles = (there: readonly string[], scratch: string, examples: number) => Promise<Files>;

/** Every fifth training example takes part in the choice of the learning rate instead, where a source has no split for it. */
const VALIDATION_EVERY = 5;

export const writeRows = async (file: string, rows: readonly object[]): Promise<string> => {
  await writeAtomic(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
};

/** All rows, a part of them for validation. */
export const withValidation = async (folder: string, rows: readonly object[]): Promise<Omit<Files, 'test'>> => {
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

/** The rows of a file of JSON lines. */
export const readLines = async (file: string): Promise<object[]> => {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
};

/** Examples of the splits that are made of longer files. */
export interface SplitSizes {
  train: number;
  validation: number;
  /** Default: as many as are asked for. */
  test?: number;
}

/** Of rows to train and rows to test on. */
export const sizedSplits = async (
  known: readonly object[],
  unseen: readonly object[],
  { train, validation, test }: Required<SplitSizes>,
  scratch: string,
): Promise<Files> => {
  const used = spaced(known, train + validation);
  const held = new Set(spaced(used, validation));
  await makeFolder(scratch);
  return {
    train: await writeRows(
      join(scratch, 'train.jsonl'),
      used.filter((row) => !held.has(row)),
    ),
    validation: await writeRows(join(scratch, 'validation.jsonl'), [...held]),
    test: await writeRows(join(scratch, 'test.jsonl'), spaced(unseen, test)),
  };
};

/** Of a file to train and one to test on; of one alone the last fifth, so that a text is on one side. */
export const sizedFiles =
  (sizes: SplitSizes): MakeFiles =>
  async (there, scratch, examples) => {
    const [first = [], second] = await Promise.all(there.map(readLines));
    const cut = Math.floor((first.length * (VALIDATION_EVERY - 1)) / VALIDATION_EVERY);
    const [known, unseen] = second === undefined ? [first.slice(0, cut), first.slice(cut)] : [first, second];
    return sizedSplits(known, unseen, { test: examples, ...sizes }, scratch);
  };

import { fileRows } from '../data/read-rows.ts';
import { dataError, type Row } from '../data/rows.ts';
import { reservoir, splitMix64 } from '../data/sampling.ts';
import { type SelectionSpec, selection } from '../data/selection.ts';
import { splitPath } from '../hub/dataset-files.ts';
import type { Warning } from '../runs/events.ts';
import type { Example, Task } from '../tasks/task.ts';
import { leftOutWarning } from './data-warnings.ts';
import type { ResolvedConfig } from './schema.ts';

type Data = ResolvedConfig['data'];

/** Hears of what is odd about the data. */
export type Warn = (warning: Warning) => void;

/** Rows that are looked at where none is whole. */
const SHOWN = 100;

/** A word is a split of `data.hub`; all else is a path. */
const SPLIT = /^\w+$/;

/** The paths of data that are named by a path, several, or a split of the hub's data set. */
const pathsOf = (source: string | readonly string[], { hub, subset, revision }: Data): string[] =>
  [source]
    .flat()
    .map((each) => (hub !== undefined && SPLIT.test(each) ? splitPath(hub, { split: each, subset, revision }) : each));

/** What is made of rows, of a configuration. */
export const selectionSpec = ({ columns, labels, filter }: Data): SelectionSpec => ({
  columns: Array.isArray(columns) ? undefined : (columns as Record<string, string> | undefined),
  labels,
  filter,
});

/** The names of columns without a header, of a configuration. */
export const columnNames = ({ columns }: Pick<Data, 'columns'>): string[] | undefined =>
  Array.isArray(columns) ? columns : undefined;

/**
 * Reads the examples of data files; rows that lack a field or the answer are left out, and told of. With `sample` only so
 * many are kept, drawn while the files are read.
 */
export const readExamples = async (
  source: string | readonly string[],
  data: Data,
  task: Task,
  { warn = () => {}, sample }: { warn?: Warn; sample?: number } = {},
): Promise<Example[]> => {
  const name = [source].flat().join(', ');
  const chosen = selection(selectionSpec(data), task.labelField);
  const kept = sample === undefined ? undefined : reservoir<Example>(sample, data.seed);
  const all: Example[] = [];
  const lacking: Row[] = [];
  let whole = 0;
  let leftOut = 0;
  for (const path of pathsOf(source, data)) {
    for await (const rows of fileRows(path, { columns: columnNames(data) })) {
      for (const given of rows) {
        const row = chosen.select(given);
        if (row === undefined) continue;
        if (task.lacking(row) === undefined) {
          whole++;
          if (kept) kept.offer(() => task.example(row));
          else all.push(task.example(row));
        } else if (leftOut++ < SHOWN) lacking.push(row);
      }
    }
  }
  chosen.check(name);
  const [first] = lacking.map((row) => `${row.file}:${row.line} has no ${JSON.stringify(task.lacking(row))}`);
  if (whole === 0) {
    task.checkColumns(lacking);
    throw dataError(name, `has no whole row of ${leftOut}: ${first}`);
  }
  if (first !== undefined) warn(leftOutWarning(name, { leftOut, of: whole + leftOut, first }));
  return kept ? kept.items() : all;
};

/** The training data, apart from what of them is held out to choose by and to test on. */
interface TrainParts {
  rest: Example[];
  validation: Example[];
  test: Example[];
}

const readTrain = async (data: Data, task: Task, warn: Warn): Promise<TrainParts> => {
  const { train, seed, sample } = data;
  const examples = await readExamples(train, data, task, { warn, sample });
  const parts: TrainParts = { rest: examples, validation: [], test: [] };
  let left = 1;
  // The test examples first, from other random numbers: they stay where those to choose by are changed.
  for (const [split, bits] of [
    ['test', Number(splitMix64(BigInt(seed))() >> 12n)],
    ['validation', seed],
  ] as const) {
    const share = data[split];
    if (typeof share !== 'number') continue;
    const { rest, heldOut } = task.holdOut(parts.rest, { share: share / left, seed: bits });
    if (heldOut.length === 0 || rest.length === 0) {
      throw dataError(
        [train].flat().join(', '),
        `has ${examples.length} examples, of which data.${split} ${share} holds out ${heldOut.length}; expected some on both sides`,
      );
    }
    parts.rest = rest;
    parts[split] = heldOut;
    left -= share;
  }
  return parts;
};

/** The training data that were read for a task, until they are trained on: a stream comes once, and a file takes time. */
const readBefore = new WeakMap<Task, { data: Data; parts: TrainParts; warnings: Warning[] }>();

/** Reads data.train and its parts. */
const trainParts = async (data: Data, task: Task): Promise<{ parts: TrainParts; warnings: Warning[] }> => {
  const before = readBefore.get(task);
  if (before?.data === data) return before;
  const warnings: Warning[] = [];
  const parts = await readTrain(data, task, (warning) => warnings.push(warning));
  readBefore.set(task, { data, parts, warnings });
  return { parts, warnings };
};

/** Reads the examples to choose by, or to test on: a file's, or a part of data.train; none where it is not named. */
export const readSplit = async (
  split: 'validation' | 'test',
  data: Data,
  task: Task,
  warn?: Warn,
): Promise<Example[]> => {
  const source = data[split];
  if (source === undefined) return [];
  if (typeof source === 'number') return (await trainParts(data, task)).parts[split];
  return readExamples(source, data, task, { warn });
};

/** Reads the training examples: all or `data.shots` a class, then with `data.labelNoise`. */
export const readTraining = async (data: Data, task: Task, warn: Warn = () => {}): Promise<Example[]> => {
  const { shots, labelNoise, seed } = data;
  const { parts, warnings } = await trainParts(data, task);
  readBefore.delete(task);
  for (const warning of warnings) warn(warning);
  return task.sample(parts.rest, { shots, labelNoise, seed });
};

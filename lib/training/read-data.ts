import { fileRows } from '../data/read-rows.ts';
import { dataError, type Row } from '../data/rows.ts';
import { drawRows, reservoir, splitMix64 } from '../data/sampling.ts';
import { columnsOf, type Selection, type SelectionSpec, selection } from '../data/selection.ts';
import { ZestError } from '../errors.ts';
import { splitPath } from '../hub/dataset-files.ts';
import type { CallOptions } from '../objective.ts';
import type { Warning } from '../runs/events.ts';
import { definitionOf } from '../tasks/metrics.ts';
import type { Example, Task } from '../tasks/task.ts';
import { show } from '../text/show.ts';
import { leftOutWarning } from './data-warnings.ts';
import type { ResolvedConfig } from './schema.ts';

type Data = ResolvedConfig['data'];

/** Hears of what is odd about the data. */
export type Warn = (warning: Warning) => void;

/** Hears of each example that is read, with its row. */
type OnExample = (example: Example, row: Row) => void;

/** Rows that are looked at where none is whole. */
const SHOWN = 100;

/** A word is a split of `data.hub`; all else is a path. */
const SPLIT = /^\w+$/;

/** The paths of data that are named by a path, several, or a split of the hub's data set. */
export const pathsOf = (source: string | readonly string[], { hub, subset, revision }: Data): string[] =>
  [source]
    .flat()
    .map((each) => (hub !== undefined && SPLIT.test(each) ? splitPath(hub, { split: each, subset, revision }) : each));

/** What is made of rows, of a configuration. */
const selectionSpec = ({ columns, labels, filter }: Data): SelectionSpec => ({
  columns: Array.isArray(columns) ? undefined : (columns as Record<string, string> | undefined),
  labels,
  filter,
});

/** How rows are selected for a task, each of whose answers may be several labels. */
export const selectionFor = (
  spec: SelectionSpec,
  task: Pick<Task, 'labelField' | 'metrics'>,
  { orOwn }: { orOwn?: boolean } = {},
): Selection => {
  const [metric] = task.metrics;
  const several = metric !== undefined && definitionOf(metric).of === 'labelSets';
  return selection(spec, task.labelField, { several, orOwn });
};

/** The names of columns without a header, of a configuration. */
const columnNames = ({ columns }: Pick<Data, 'columns'>): string[] | undefined =>
  Array.isArray(columns) ? columns : undefined;

/**
 * Reads the examples of data files; rows that lack a field or the answer are left out, and told of. With `sample` only so
 * many are kept, drawn while the files are read.
 */
export const readExamples = async (
  source: string | readonly string[],
  data: Data,
  task: Task,
  {
    warn = () => {},
    sample,
    onExample = () => {},
    signal,
  }: CallOptions & { warn?: Warn | undefined; sample?: number; onExample?: OnExample } = {},
): Promise<Example[]> => {
  const name = [source].flat().join(', ');
  const chosen = selectionFor(selectionSpec(data), task);
  const kept = sample === undefined ? undefined : reservoir<Example>(sample, data.seed);
  const all: Example[] = [];
  const lacking: Row[] = [];
  let whole = 0;
  let leftOut = 0;
  for (const path of pathsOf(source, data)) {
    for await (const rows of fileRows(path, {
      columns: columnNames(data),
      fields: columnsOf(task.fields, data.columns),
      signal,
    })) {
      for (const given of rows) {
        const row = chosen.select(given);
        if (row === undefined) continue;
        if (task.lacking(row) === undefined) {
          whole++;
          const make = () => {
            const example = task.example(row);
            onExample(example, row);
            return example;
          };
          if (kept) kept.offer(make);
          else all.push(make());
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
  /** Of each example, by its source, where `data.group` names a field of them. */
  groups: Map<string, string>;
}

const groupOf = ({ file, line, fields }: Row, field: string): string => {
  const group = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (['string', 'number', 'boolean'].includes(typeof group) && group !== '') return String(group);
  throw dataError(
    `${file}:${line}`,
    `field ${JSON.stringify(field)} is ${show(group)}; expected the group of the example`,
  );
};

const readTrain = async (
  data: Data,
  task: Task,
  { warn, signal }: CallOptions & { warn: Warn },
): Promise<TrainParts> => {
  const { train, seed, sample, group } = data;
  const groups = new Map<string, string>();
  const onExample: OnExample = ({ source }, row) => {
    if (group !== undefined) groups.set(source, groupOf(row, group));
  };
  const examples = await readExamples(train, data, task, { warn, sample, onExample, signal });
  const parts: TrainParts = { rest: examples, validation: [], test: [], groups };
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
const trainParts = async (
  data: Data,
  task: Task,
  { signal }: CallOptions,
): Promise<{ parts: TrainParts; warnings: Warning[] }> => {
  const before = readBefore.get(task);
  if (before?.data === data) return before;
  const warnings: Warning[] = [];
  const parts = await readTrain(data, task, { warn: (warning) => warnings.push(warning), signal });
  readBefore.set(task, { data, parts, warnings });
  return { parts, warnings };
};

/** Reads the examples to choose by, or to test on: a file's, or a part of data.train; none where it is not named. */
export const readSplit = async (
  split: 'validation' | 'test',
  data: Data,
  task: Task,
  options: CallOptions & { warn?: Warn | undefined } = {},
): Promise<Example[]> => {
  const source = data[split];
  if (source === undefined) return [];
  if (typeof source === 'number') return (await trainParts(data, task, options)).parts[split];
  return readExamples(source, data, task, options);
};

/**
 * Draws the examples that are shown before every prompt, and leaves the others to train on.
 *
 * @throws ERR_ZEST_SHOTS where there are not as many
 */
const takeDemonstrations = (
  { demonstrations: count = 0, seed, train }: Data,
  examples: readonly Example[],
): { demonstrations: Example[]; others: Example[] } => {
  if (count >= examples.length) {
    throw new ZestError(
      'ERR_ZEST_SHOTS',
      `data.demonstrations is ${count}; expected fewer than the ${examples.length} examples of ${[train].flat().join(', ')}`,
    );
  }
  const chosen = new Set(drawRows(examples.length, { count, seed, use: 'demonstrations' }));
  return {
    demonstrations: examples.filter((_, i) => chosen.has(i)),
    others: examples.filter((_, i) => !chosen.has(i)),
  };
};

/** Reads the examples that are shown before every prompt. */
export const readDemonstrations = async (data: Data, task: Task, options: CallOptions): Promise<Example[]> =>
  takeDemonstrations(data, (await trainParts(data, task, options)).parts.rest).demonstrations;

/**
 * Reads the training examples: all or `data.shots` a class, then with `data.labelNoise`, without those that are shown.
 * `groups` takes the group of each, by its source.
 */
export const readTraining = async (
  data: Data,
  task: Task,
  { warn = () => {}, groups, signal }: CallOptions & { warn?: Warn; groups?: Map<string, string> } = {},
): Promise<Example[]> => {
  const { shots, labelNoise, seed, demonstrations } = data;
  const { parts, warnings } = await trainParts(data, task, { signal });
  readBefore.delete(task);
  for (const warning of warnings) warn(warning);
  for (const [source, group] of parts.groups) groups?.set(source, group);
  const examples = demonstrations === undefined ? parts.rest : takeDemonstrations(data, parts.rest).others;
  return task.sample(examples, { shots, labelNoise, seed });
};

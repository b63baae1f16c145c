import { basename } from 'node:path';
import { parse } from 'yaml';
import { dataError } from '../data/rows.ts';
import { ZestError } from '../errors.ts';
import { assertWritableFile, isThere, writeNew, writing } from '../files/files.ts';
import { BUILT_IN_MODEL, builtInModels, modelFolder } from '../model/built-in.ts';
import { isGguf, readGguf } from '../model/gguf/format.ts';
import { quantile } from '../numbers/statistics.ts';
import type { CallOptions } from '../objective.ts';
import { integerText, isNoLabel } from '../tasks/labels.ts';
import { loadTask } from '../tasks/load.ts';
import type { Task } from '../tasks/task.ts';
import { Tokenizer } from '../tasks/tokenizer.ts';
import { somethingElse } from '../text/what-is.ts';
import { resolveConfig } from '../training/config.ts';
import { findLearningRate } from '../training/find-learning-rate.ts';
import { answersOf, proposeAnswers } from './answers.ts';
import { type ChosenColumns, chooseColumns, nameColumns } from './columns.ts';
import { configurationText, HELD_OUT, type StartingPoint } from './configuration.ts';
import { rounded, usualMost } from './lengths.ts';
import { type DataTable, readTable } from './table.ts';
import { proposeTask } from './task.ts';

export interface InitOptions extends CallOptions {
  /** The file to write. Default: the data file's name with .yaml, in the current directory. */
  output?: string;
  /** A model's folder or name, or a GGUF file. Default film-roberta-mini. */
  model?: string;
  /** Names of the columns of the text, or of the two of a pair. */
  text?: readonly string[];
  /** Name of the column of the label. */
  label?: string;
  /** Whether to find a learning rate, which takes some 500 to 900 forwards. */
  findLearningRate?: boolean;
}

/** A starting configuration that was written, and what it was made of. */
export interface Initialized extends StartingPoint {
  /** The file that was written. */
  written: string;
  /** Columns of the text or of the two texts, and of the label. */
  texts: readonly string[];
  label: string;
}

/** Rows whose prompts are measured. */
const MEASURED_ROWS = 2000;
/** Tokens that all prompts are left whole up to. */
const LONGEST = 128;
const LARGEST_BATCH = 32;

/** Steps for a number of rows: more data, a larger budget, within limits. */
const stepsFor = (rows: number): number => Math.min(1000, Math.max(200, 100 * Math.round(rows / 500)));

/** Whether a model is a GGUF file with weights in blocks. */
const isQuantized = async (model: string): Promise<boolean> =>
  isGguf(model) && (await readGguf(modelFolder(model))).tensors.some(({ dtype }) => dtype.startsWith('Q'));

/** The rate that is found for a configuration, or why none is. */
const foundRate = async (
  start: StartingPoint,
  signal: AbortSignal | undefined,
): Promise<Pick<StartingPoint, 'learningRate' | 'whyNotFound'>> => {
  try {
    // The one that is there is not read.
    const config = resolveConfig(parse(configurationText({ ...start, learningRate: 1 })));
    const { learningRate } = await findLearningRate(config, { signal });
    return { learningRate };
  } catch (error) {
    if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_LEARNING_RATE') throw error;
    return { whyNotFound: error.message };
  }
};

/** A name for what is made of data: the last part of their path without its extensions, wild parts and query. */
const nameOf = (path: string): string => {
  const last = basename(path.replace(/\?.*$/, ''));
  return (
    last
      .replace(/\.(gz|zst|zstd)$/, '')
      .replace(/(.)\.\w+$/, '$1')
      .replace(/[^\p{L}\p{N}._-]+/gu, '')
      .replace(/^[.-]+|[.-]+$/g, '') || 'data'
  );
};

const refuseOverwriting = (file: string): never => {
  throw new ZestError('ERR_ZEST_FILE', `${file} is there already; name another file with --output`);
};

/** A data file, the columns of a task in it, and the rows that have a text and a label there. */
interface LabelledData extends ChosenColumns {
  table: DataTable;
  rows: readonly { row: DataTable['rows'][number]; label: string }[];
}

const readLabelled = async (file: string, options: InitOptions): Promise<LabelledData> => {
  const read = await readTable(file);
  const { table, chosen } = nameColumns(read, chooseColumns(read, options));
  const { texts, label } = chosen;
  const rows = table.rows
    .map((row) => ({ row, label: integerText(row[label]?.trim() ?? '') }))
    .filter((one) => !isNoLabel(one.label) && texts.every((text) => one.row[text] !== undefined));
  const [first = '', ...others] = new Set(rows.map((one) => one.label));
  if (others.length === 0) {
    throw dataError(
      file,
      `all ${rows.length} rows with a text and a label have the label ${JSON.stringify(first)}; expected two labels or more`,
    );
  }
  return { table, texts, label, rows };
};

/** Proposes a task for some data, and counts the rows of its labels, of which some have to be held out. */
const proposed = (
  { table: { file }, texts, label, rows }: LabelledData,
  tokenizer: Tokenizer,
): Pick<StartingPoint, 'task' | 'why' | 'balance'> => {
  const values = rows.map((one) => one.label);
  const kind = answersOf(values);
  const { task, names, why } =
    kind === 'classes'
      ? proposeTask({ texts, label }, [...new Set(values)], tokenizer)
      : { names: [], ...proposeAnswers(file, { texts, label }, { kind, values, tokenizer }) };
  const counts = new Map<string, number>();
  // Answers that are no classes are held out as if they were one.
  for (const value of values) {
    const name = kind === 'classes' ? value : kind;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const heldOut = [...counts.values()].reduce((sum, count) => sum + Math.round(HELD_OUT.share * count), 0);
  if (heldOut === 0) {
    throw dataError(
      file,
      `has ${rows.length} rows with a label, at most ${Math.max(...counts.values())} of the same; expected at least ${Math.ceil(0.5 / HELD_OUT.share)} rows of some label, so that some can be held out to choose by`,
    );
  }
  return { task, why, balance: names.map((name) => ({ name, count: counts.get(name) ?? 0 })) };
};

/** Counts the tokens of the prompts of some rows, in ascending order. */
const promptLengths = async (
  { table: { file }, rows }: LabelledData,
  task: StartingPoint['task'],
  tokenizer: Tokenizer,
): Promise<number[]> => {
  const loaded: Task = await loadTask(task, tokenizer, { maxLength: Number.MAX_SAFE_INTEGER });
  const every = Math.ceil(rows.length / MEASURED_ROWS);
  return rows
    .filter((_, i) => i % every === 0)
    .map(({ row }, i) => {
      const [example] = loaded.examples([{ file, line: i + 1, fields: row }], { unlabelled: true });
      const { ids, cut } = loaded.preview(example!);
      return ids.length + cut;
    })
    .sort((a, b) => a - b);
};

/**
 * Looks at a data file, and writes a configuration to start from, its choices explained.
 *
 * @throws ERR_ZEST_FILE where the configuration is there already; ERR_ZEST_DATA for a file that cannot be read, has no
 * column for a text or a label, or too few rows; ERR_ZEST_OPTION for a column that there is not; what loading the
 * tokenizer throws
 */
export const init = async (file: string, options: InitOptions = {}): Promise<Initialized> => {
  const { model = BUILT_IN_MODEL, signal } = options;
  const other = somethingElse(file, 'data');
  if (other) throw dataError(file, other);
  const name = nameOf(file);
  const written = options.output ?? `${name}.yaml`;
  if (await isThere(written)) refuseOverwriting(written);
  await assertWritableFile(written);
  const data = await readLabelled(file, options);
  const { table, texts, label, rows } = data;
  const tokenizer = await Tokenizer.load(model, { signal });
  const { task, why, balance } = proposed(data, tokenizer);
  const lengths = await promptLengths(data, task, tokenizer);
  const most = lengths.at(-1)!;
  const answer = 'maxTokens' in task ? (task.maxTokens ?? 0) : 0;
  const wanted = answer + (most <= LONGEST ? most : usualMost(lengths));
  const start: StartingPoint = {
    file,
    model,
    isBuiltIn: builtInModels().includes(model),
    isQuantized: await isQuantized(model),
    rows: table.rows.length,
    columns: table.columns,
    task,
    why,
    balance,
    leftOut: table.rows.length - rows.length,
    tokens: { median: Math.round(quantile(lengths, 0.5)), most },
    maxLength: Math.min(rounded(wanted), tokenizer.maxLength ?? 512),
    steps: stepsFor(rows.length),
    batchSize: Math.max(1, Math.min(LARGEST_BATCH, Math.round((1 - HELD_OUT.share) * rows.length))),
    output: `runs/${name}`,
  };
  if (options.findLearningRate) Object.assign(start, await foundRate(start, signal));
  const text = configurationText(start);
  resolveConfig(parse(text));
  await writeNew(written, text).catch((error: NodeJS.ErrnoException) =>
    error.code === 'EEXIST' ? refuseOverwriting(written) : writing(written, Promise.reject(error)),
  );
  return { ...start, written, texts, label };
};

import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { parse } from 'yaml';
import { dataError } from '../data/rows.ts';
import { ZestError } from '../errors.ts';
import { assertWritableFile, isThere, writing } from '../files.ts';
import { builtInModels, modelFolder } from '../model/built-in.ts';
import { isGguf, readGguf } from '../model/gguf/format.ts';
import type { CallOptions } from '../objective.ts';
import { quantile } from '../statistics.ts';
import { integerText, isNoLabel } from '../tasks/labels.ts';
import { loadTask } from '../tasks/load.ts';
import type { Task } from '../tasks/task.ts';
import { Tokenizer } from '../tasks/tokenizer.ts';
import { resolveConfig } from '../training/config.ts';
import { findLearningRate } from '../training/find-learning-rate.ts';
import { somethingElse } from '../what-is.ts';
import { answersOf, proposeAnswers } from './answers.ts';
import { chooseColumns, nameColumns } from './columns.ts';
import { configurationText, type StartingPoint } from './configuration.ts';
import { readTable } from './table.ts';
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

const MODEL = 'film-roberta-mini';
/** Rows whose prompts are measured. */
const MEASURED = 2000;
/** The share of the prompts that maxLength leaves whole, where not all fit. */
const WHOLE = 0.98;
const LONGEST = 128;
/** The share of each label's rows that is held out as validation data. */
const SHARE = 0.2;

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

/**
 * Looks at a data file, and writes a configuration to start from, its choices explained.
 *
 * @throws ERR_ZEST_FILE where the configuration is there already; ERR_ZEST_DATA for a file that cannot be read, has no
 * column for a text or a label, or too few rows; ERR_ZEST_OPTION for a column that there is not; what loading the
 * tokenizer throws
 */
export const init = async (file: string, options: InitOptions = {}): Promise<Initialized> => {
  const { model = MODEL, signal } = options;
  const other = somethingElse(file, 'data');
  if (other) throw dataError(file, other);
  const name = nameOf(file);
  const written = options.output ?? `${name}.yaml`;
  if (await isThere(written)) refuseOverwriting(written);
  await assertWritableFile(written);
  const read = await readTable(file);
  const { table, chosen } = nameColumns(read, chooseColumns(read, options));
  const { texts, label } = chosen;
  const labelled = table.rows
    .map((row) => ({ row, label: integerText(row[label]?.trim() ?? '') }))
    .filter((one) => !isNoLabel(one.label) && texts.every((text) => one.row[text] !== undefined));
  const values = labelled.map((one) => one.label);
  const labels = [...new Set(values)];
  if (labels.length < 2) {
    throw dataError(
      file,
      `all ${labelled.length} rows with a text and a label have the label ${JSON.stringify(labels[0] ?? '')}; expected two labels or more`,
    );
  }
  const tokenizer = await Tokenizer.load(model, { signal });
  const kind = answersOf(values);
  const { task, names, why } =
    kind === 'classes'
      ? proposeTask({ texts, label }, labels, tokenizer)
      : { names: [], ...proposeAnswers(file, { texts, label }, { kind, values, tokenizer }) };
  const counts = new Map<string, number>();
  // Answers that are no classes are held out as if they were one.
  for (const value of values) {
    const name = kind === 'classes' ? value : kind;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  const heldOut = [...counts.values()].reduce((sum, count) => sum + Math.round(SHARE * count), 0);
  if (heldOut === 0) {
    throw dataError(
      file,
      `has ${labelled.length} rows with a label, at most ${Math.max(...counts.values())} of the same; expected at least ${Math.ceil(0.5 / SHARE)} rows of some label, so that some can be held out to choose by`,
    );
  }
  const loaded: Task = await loadTask(task, tokenizer, { maxLength: Number.MAX_SAFE_INTEGER });
  const every = Math.ceil(labelled.length / MEASURED);
  const lengths = labelled
    .filter((_, i) => i % every === 0)
    .map(({ row }, i) => {
      const [example] = loaded.examples([{ file, line: i + 1, fields: row }], { unlabelled: true });
      const { ids, cut } = loaded.preview(example!);
      return ids.length + cut;
    })
    .sort((a, b) => a - b);
  const most = lengths.at(-1)!;
  const answer = 'maxTokens' in task ? (task.maxTokens ?? 0) : 0;
  const wanted = answer + (most <= LONGEST ? most : quantile(lengths, WHOLE));
  const maxLength = Math.min(8 * Math.ceil(wanted / 8), tokenizer.maxLength ?? 512);

  const start: StartingPoint = {
    file,
    model,
    isBuiltIn: builtInModels().includes(model),
    isQuantized: await isQuantized(model),
    rows: table.rows.length,
    columns: table.columns,
    task,
    why,
    balance: names.map((each) => ({ name: each, count: counts.get(each) ?? 0 })),
    leftOut: table.rows.length - labelled.length,
    tokens: { median: Math.round(quantile(lengths, 0.5)), most },
    maxLength,
    steps: stepsFor(labelled.length),
    batchSize: Math.max(1, Math.min(32, Math.round(0.8 * labelled.length))),
    output: `runs/${name}`,
  };
  if (options.findLearningRate) {
    Object.assign(start, await foundRate(start, signal));
  }
  const text = configurationText(start);
  resolveConfig(parse(text));
  const handle = await open(written, 'wx').catch((error: NodeJS.ErrnoException) =>
    error.code === 'EEXIST' ? refuseOverwriting(written) : writing(written, Promise.reject(error)),
  );
  try {
    await writing(written, handle.writeFile(text));
  } finally {
    await handle.close();
  }
  return { ...start, written, texts, label };
};

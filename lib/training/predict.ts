import { inputName, type RowFormat, type RowInput } from '../data/input.ts';
import { streamRows } from '../data/row-stream.ts';
import { dataError } from '../data/rows.ts';
import { columnsOf } from '../data/selection.ts';
import { typeError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import { assertHas, callback, given, optionalCount, optionsOf, signal } from '../options/calls.ts';
import { readArgument } from '../options/reading.ts';
import type { Warning } from '../runs/events.ts';
import type { Examination, ExampleFields, Scorer, Task, Writer } from '../tasks/task.ts';
import { show } from '../text/show.ts';
import { UnknownLabels } from './data-warnings.ts';
import { selectionFor } from './read-data.ts';

/** Options of {@link predict}. */
export interface PredictOptions extends CallOptions {
  /**
   * Format of the rows. Default: the file's extension; for bytes, jsonl if they begin with a brace or as a list of objects, csv if the
   * task has several fields or it is a header with the task's field and others, or else txt.
   */
  format?: RowFormat;
  /** Number of rows a call of the model. Default 32. */
  batchSize?: number;
  /**
   * Names of the columns of `.csv` and `.tsv` rows without a header, for which the first line stands by default; or the
   * column of each field that the task reads, `{ sentence: 'review' }`.
   */
  columns?: readonly string[] | Readonly<Record<string, string>>;
  /** Labels of the task by those of the rows, as `data.labels` of a configuration has them. */
  labels?: Readonly<Record<string, string | number | null>>;
  /** Called at the end where rows had a label: the score on those, and what it is made of. */
  onScore?: (examination: Examination) => void;
  /** Called at the end where rows had a label that is none of the task's. */
  onWarning?: (warning: Warning) => void;
  /** Called after each call of the model with the rows answered so far, and the bytes of the input that they are. */
  onProgress?: (rows: number, bytes: number) => void;
}

const predictOptions = optionsOf<PredictOptions>({
  signal,
  format: given,
  columns: given,
  labels: given,
  batchSize: optionalCount,
  onScore: callback,
  onWarning: callback,
  onProgress: callback,
});

/**
 * A row's fields, and the answer to it. Fields of the row that are called `label`, `probabilities` or `input` themselves
 * are kept in `input`.
 */
export interface Prediction {
  [field: string]: unknown;
  /** Name of the most probable label. */
  label: string;
  /** Probability of each label by its name; they add up to 1. */
  probabilities: Record<string, number>;
  /** Fields of the row whose names the answer takes. */
  input?: Record<string, unknown>;
}

const prediction = (fields: ExampleFields, answer: Record<string, unknown>): Prediction => {
  const isOwn = ([field]: [string, unknown]) => field === 'input' || Object.hasOwn(answer, field);
  const entries = Object.entries(fields);
  const taken = entries.filter(isOwn);
  return {
    ...Object.fromEntries(entries.filter((entry) => !isOwn(entry))),
    ...answer,
    ...(taken.length > 0 && { input: Object.fromEntries(taken) }),
  } as Prediction;
};

/**
 * Labels the rows of a file, or of bytes as they come: `.jsonl`, `.csv` or `.tsv` with the task's fields among others, or
 * `.txt`, a text a line, for a task with one field. Yields an answer a row, in order, before the rest is read. Rows need
 * no label; those that have one of the task's are scored, and of those with another `onWarning` hears. Empty lines are
 * skipped, and numbers of JSON are read as JavaScript does.
 *
 * @param run what `openRun` gives, or any model with its task
 * @example
 * import { openRun, predict } from 'node-zest';
 * const run = await openRun('runs/film');
 * for await (const { sentence, label } of predict(run, 'test.jsonl')) console.log(sentence, label);
 * run.model.dispose();
 *
 * @throws ERR_ZEST_DATA naming `file:line`, ERR_ZEST_TEMPLATE naming a field that the first rows do not have
 */
export async function* predict(
  run: { model: Scorer & Writer; task: Task },
  input: RowInput,
  options?: PredictOptions,
): AsyncGenerator<Prediction, void> {
  const { model, task } = readArgument('run', () => ({ ...Object(run) }) as typeof run);
  assertHas(model, 'run.model', ['logits'], 'a Model, as openRun gives it');
  assertHas(task, 'run.task', ['examples', 'answers'], 'a task, as openRun or loadTask gives it');
  const isStream = readArgument(
    'input',
    () => typeof (input as AsyncIterable<unknown> | null | undefined)?.[Symbol.asyncIterator] === 'function',
  );
  if (typeof input !== 'string' && !isStream)
    throw typeError('ERR_ZEST_ARGUMENT', `input is ${show(input)}; expected a path, or bytes as they come`);
  const { format, columns, labels, batchSize = 32, signal, onProgress, onScore, onWarning } = predictOptions(options);
  const outcomes = task.outcomes();
  const unknown = new UnknownLabels();
  const names = Array.isArray(columns) ? (columns as string[]) : undefined;
  const mapping = names ? undefined : (columns as Record<string, string> | undefined);
  // Each row is answered, also one whose label the map leaves out, and one that has the fields of the task.
  const chosen = selectionFor({ columns: mapping, labels }, task, { orOwn: true });
  let answered = 0;
  let before = 0;
  const { fields } = task;
  const wanted = columnsOf(fields, mapping);
  for await (const { rows, bytes } of streamRows(input, { format, columns: names, fields, wanted, signal })) {
    for (let start = 0; start < rows.length; start += batchSize) {
      const given = rows.slice(start, start + batchSize);
      const part = given.map((row) => chosen.select(row) ?? chosen.rename(row));
      const examples =
        answered === 0
          ? task.examples(part, { unlabelled: true })
          : part.map((row) => task.example(row, { unlabelled: true }));
      for (const row of part) unknown.add(task.unknownLabel(row));
      const answers = await task.answers(model, examples, { batchSize, signal, outcomes });
      for (const [i, { fields }] of given.entries()) yield prediction(fields, answers[i]!);
      answered += part.length;
      onProgress?.(answered, before + ((bytes - before) * (start + part.length)) / rows.length);
    }
    before = bytes;
  }
  if (answered === 0) throw dataError(inputName(input), 'has no rows');
  const warning = unknown.warning(task);
  if (warning) onWarning?.(warning);
  if (outcomes.count > 0) onScore?.(task.examination(outcomes));
}

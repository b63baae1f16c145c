import { resolve } from 'node:path';
import { ZestError } from '../errors.ts';
import type { Warning } from '../runs/events.ts';
import type { Example, Task } from '../tasks/task.ts';
import { listed } from '../text/show.ts';
import type { ResolvedConfig } from './schema.ts';

/** Fewer examples than these to be judged by leave a standard error of 11 points or more. */
const FEW = 20;

/** Examples of a split whose length is looked at, spread over all. */
const MEASURED = 1000;

const warning = (code: string, message: string): Warning => ({ code, message });

/** Rows that were left out of a file, since they lack what the task reads. */
export const leftOutWarning = (
  file: string,
  { leftOut, of, first }: { leftOut: number; of: number; first: string },
): Warning =>
  warning(
    'WARN_ZEST_ROWS',
    `${leftOut} of ${of} rows of ${file} ${leftOut === 1 ? 'is left out, for it lacks' : 'are left out, for they lack'} what the task reads: ${first}${leftOut > 1 ? ', and others' : ''}`,
  );

/** Labels that a warning names. */
const NAMED = 5;

/** Counts rows whose label is none of the task's, which are not scored; the first few labels are kept. */
export class UnknownLabels {
  readonly #labels = new Set<string>();
  #rows = 0;

  add(label: string | undefined): void {
    if (label === undefined) return;
    this.#rows++;
    if (this.#labels.size <= NAMED) this.#labels.add(label);
  }

  /** The warning of them; undefined where there are none. */
  warning({ labelField, names }: Pick<Task, 'labelField' | 'names'>): Warning | undefined {
    if (this.#rows === 0) return undefined;
    const rows = this.#rows === 1 ? '1 row has' : `${this.#rows} rows have`;
    const labels = [...this.#labels].map((label, i) => (i < NAMED ? JSON.stringify(label) : '…')).join(', ');
    const expected = names.length > 0 ? `; expected one of ${listed(names)}` : '';
    return warning(
      'WARN_ZEST_UNKNOWN_LABEL',
      `${rows} in ${JSON.stringify(labelField)} a label that is none of the task's: ${labels}${expected}. Such rows are answered and not scored`,
    );
  }
}

/** A label without what a typing slip changes. */
const folded = (label: string): string => label.trim().replace(/\s+/g, ' ').toLowerCase();

/** The standard error of an accuracy of a half, in points. */
const standardError = (count: number): string => (50 / Math.sqrt(count)).toFixed(0);

/** Some of the examples of a split, spread over it, or all where they are few. */
const measured = (examples: readonly Example[]): readonly Example[] => {
  const stride = Math.ceil(examples.length / MEASURED);
  return examples.filter((_, i) => i % stride === 0);
};

/** Says how many of the examples that are scored do not fit and are cut; undefined where none is. */
export const cutOfScored = (
  task: Task,
  examples: readonly Example[],
  maxLength: number,
  modelLength = Number.POSITIVE_INFINITY,
): Warning | undefined => {
  const looked = measured(examples);
  const cut = looked.map((example) => task.preview(example).cut).filter((tokens) => tokens > 0);
  if (cut.length === 0) return undefined;
  const tokens = cut.reduce((sum, each) => sum + each, 0);
  const which = looked.length < examples.length ? ' that were measured' : '';
  return warning(
    'WARN_ZEST_CUT',
    `${cut.length} of ${looked.length} prompts${which} ${cut.length === 1 ? 'does' : 'do'} not fit into ${Math.min(maxLength, modelLength)} tokens, and ${tokens} tokens of them are cut; use ${maxLength < modelLength ? 'a larger training.maxLength, as far as the model goes' : 'shorter texts, for this is all that the model takes'}, or fewer data.demonstrations`,
  );
};

/** Says that what is scored is what was trained on. */
const overlapWarnings = (
  train: readonly Example[],
  splits: Readonly<Record<'validation' | 'test', readonly Example[]>>,
): Warning[] => {
  // A file may be written in several ways, and `source` begins with its path.
  const known = new Set(train.map(({ source }) => resolve(source)));
  return Object.entries(splits).flatMap(([split, examples]) => {
    const both = examples.filter(({ source }) => known.has(resolve(source))).length;
    if (both === 0) return [];
    const which = both === examples.length ? `all ${both}` : `${both} of ${examples.length}`;
    const message = `${which} ${split} examples are training examples, too: their score says what was learnt by heart; use other data as data.${split}${split === 'validation' ? ', or a share of data.train such as 0.2' : ''}`;
    return [warning('WARN_ZEST_OVERLAP', message)];
  });
};

/** Says that most texts do not fit and are cut. */
const cutWarning = (
  task: Task,
  train: readonly Example[],
  maxLength: number,
  modelLength = Number.POSITIVE_INFINITY,
): Warning[] => {
  const previews = measured(train).map((example) => task.preview(example));
  const cut = previews.filter((preview) => preview.cut > 0);
  if (cut.length <= previews.length / 2) return [];
  const limit = Math.max(...cut.map(({ ids }) => ids.length));
  // Prompts leave room for their answers.
  const most = task.maxLength ?? limit;
  const whole = previews.map((preview) => preview.ids.length + preview.cut).sort((a, b) => a - b);
  const [median, longest] = [whole[Math.floor((whole.length - 1) / 2)], whole.at(-1)];
  const [of, cure] =
    most < maxLength || most >= modelLength
      ? ['which is all that the model takes', 'use shorter texts, or a model that takes longer ones']
      : ['training.maxLength', 'use a larger training.maxLength, as far as the model goes'];
  return [
    warning(
      'WARN_ZEST_CUT',
      `${cut.length} of ${previews.length} training texts${previews.length < train.length ? ' that were measured' : ''} are cut to ${limit} tokens, ${of}: with their prompt half of them have ${median} tokens or more, the longest ${longest}, and what is cut is not learned from; ${cure}`,
    ),
  ];
};

/**
 * What is odd about the examples of a run, of a model that takes `modelLength` tokens.
 *
 * @throws ERR_ZEST_DATA where all training examples have the same answer: there is nothing to tell apart
 */
export const dataWarnings = (
  { data, training }: ResolvedConfig,
  task: Task,
  {
    train,
    validation,
    test,
    modelLength,
  }: { train: readonly Example[]; validation: readonly Example[]; test: readonly Example[]; modelLength?: number },
): Warning[] => {
  const warnings: Warning[] = [];
  const counts = task.balance(train);
  const absent = counts.filter(({ count }) => count === 0).map(({ name }) => name);
  const [only] = counts.filter(({ count }) => count > 0);
  if (only?.count === train.length && data.labelNoise === 0) {
    throw new ZestError(
      'ERR_ZEST_DATA',
      `${[data.train].flat().join(', ')}: all ${train.length} training examples have the label ${JSON.stringify(only.name)}; expected two labels or more`,
    );
  }
  if (absent.length > 0) {
    const which = listed(absent.map((name) => JSON.stringify(name)));
    warnings.push(
      warning('WARN_ZEST_LABELS', `no training example has the label ${which}, so that the model cannot learn it`),
    );
  }
  const alike = task.names.filter((name) =>
    task.names.some((other) => other !== name && folded(other) === folded(name)),
  );
  if (alike.length > 0) {
    const which = listed(alike.map((name) => JSON.stringify(name)));
    warnings.push(
      warning(
        'WARN_ZEST_LABELS',
        `the labels ${which} differ in case or spaces alone, and each is a label of its own; write them alike in the data if they are one`,
      ),
    );
  }
  if (training.batchSize > train.length) {
    warnings.push(
      warning(
        'WARN_ZEST_BATCH',
        `training.batchSize is ${training.batchSize} and there are ${train.length} training examples: every step takes all of them`,
      ),
    );
  }
  warnings.push(...cutWarning(task, train, training.maxLength, modelLength));
  warnings.push(...overlapWarnings(train, { validation, test }));
  // What a run is judged by.
  const [split, scored] = validation.length > 0 ? ['validation', validation] : ['test', test];
  if (scored.length > 0) {
    const alike = task.balance(scored).find(({ count }) => count === scored.length);
    if (alike) {
      warnings.push(
        warning(
          'WARN_ZEST_VALIDATION',
          `all ${scored.length} ${split} examples have the label ${JSON.stringify(alike.name)}: a model that always gives it scores 100 %`,
        ),
      );
    } else if (task.names.length > 0 && scored.length < FEW) {
      warnings.push(
        warning(
          'WARN_ZEST_VALIDATION',
          `there are ${scored.length} ${split} examples, so that an accuracy has a standard error of some ${standardError(scored.length)} points: differences below twice that are chance`,
        ),
      );
    }
  }
  return warnings;
};

import type { Batch } from '../batch.ts';
import { dataError, type Row } from '../data/rows.ts';
import { rangeError, typeError, ZestError } from '../errors.ts';
import type { CallOptions } from '../objective.ts';
import { type Measures, type Metric, measure } from './metrics.ts';
import { type Prompt, type PromptMaker, promptMaker } from './prompt.ts';
import { type TaskSpec, taskSpec } from './spec.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What a task asks of a model: one row of scores a sequence; `Model` is one. */
export interface Scorer {
  logits(batch: Batch, options?: CallOptions): Promise<Float32Array[]>;
}

/** An example of a task, its fields and label checked. Its tokens are made when first needed, and kept. */
export class Example {
  readonly fields: Readonly<Record<string, string>>;
  readonly label: number;
  /** Where it comes from, `file:line`. */
  readonly source: string;

  constructor(fields: Readonly<Record<string, string>>, label: number, source: string) {
    this.fields = Object.freeze({ ...fields });
    this.label = label;
    this.source = source;
    Object.freeze(this);
  }
}

/** An example as a data file has it: a field a key, the label among them. */
export type ExampleFields = Readonly<Record<string, unknown>>;

/** Options of scoring and classifying. */
export interface ScoreOptions extends CallOptions {
  /** Sequences a call of the model. Default 32. */
  batchSize?: number;
  /** Told after each batch how many examples of how many are done. */
  onProgress?: (done: number, total: number) => void;
}

/** How well a model does on examples. */
export interface Score extends Measures {
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** How many examples. */
  count: number;
}

/** What a model makes of a text. */
export interface Classification {
  /** The most probable label; the first of equals. */
  label: number;
  /** Its name: of `labels`, or else its label word, or else its number. */
  name: string;
  /** Its label word, for tasks that have them. */
  word?: string;
  /** One a label, in order; they add up to 1. */
  probabilities: number[];
}

/** Sequences a call of the model where scoring is not told otherwise. */
export const evaluationBatchSize = 32;

/** log Σ exp, in float64. */
const logSumExp = (scores: Float32Array): number => {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
};

const largestAt = (scores: Float32Array): number =>
  scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);

/** A text classification task: turns examples into batches, and a model's scores into metrics and labels. */
export class Task {
  readonly spec: TaskSpec;
  /** The label's names, index = label. */
  readonly names: readonly string[];
  /** Fields that are read, each a string. */
  readonly fields: readonly string[];
  readonly labelField: string;
  /** What it is judged by; the first decides which weights are best. */
  readonly metrics: readonly Metric[];
  /** Most tokens of a sequence; longer texts are cut. Undefined: no limit. */
  readonly maxLength: number | undefined;
  readonly #words: readonly string[] | undefined;
  readonly #labels: ReadonlyMap<string, number>;
  readonly #maker: PromptMaker;
  readonly #prompts = new WeakMap<Example, Prompt>();

  /** {@link loadTask} checks the spec and finds the length limit. */
  constructor(spec: TaskSpec, tokenizer: Tokenizer, maxLength: number | undefined) {
    this.spec = spec;
    this.maxLength = maxLength;
    this.labelField = spec.labelField ?? 'label';
    this.metrics = spec.metrics ?? ['accuracy'];
    this.#maker = promptMaker(spec, tokenizer, maxLength);
    this.fields = this.#maker.fields;
    this.#words = spec.kind === 'class' ? undefined : spec.labelWords;
    const numbers = Array.from(
      { length: spec.kind === 'class' ? spec.classes : spec.labelWords.length },
      (_, i) => `${i}`,
    );
    this.names = spec.labels ?? this.#words ?? numbers;
    // Names that are integers themselves (stars, say) leave no room for labels by index, and label words none for names.
    const integers = this.names.some((name) => /^-?\d+$/.test(name));
    const keys = integers ? (spec.labels ?? numbers) : [...numbers, ...this.names];
    this.#labels = new Map(keys.map((key, i) => [key, i % numbers.length]));
  }

  /**
   * The label of fields: an integer from 0, as a number or in digits, or one of `labels`, without which the label words
   * are names. With `labels` that are integers themselves, only those; label words that are integers are no names.
   *
   * @param place `file:line`, for the error
   * @throws ERR_ZEST_DATA without the field, ERR_ZEST_LABEL for a label that is not in the list
   */
  label(fields: ExampleFields, place: string): number {
    if (!Object.hasOwn(fields, this.labelField)) {
      throw dataError(place, `has no field ${JSON.stringify(this.labelField)} for the label`);
    }
    const value = fields[this.labelField];
    const label = typeof value === 'string' || typeof value === 'number' ? this.#labels.get(String(value)) : undefined;
    if (label !== undefined) return label;
    throw new ZestError(
      'ERR_ZEST_LABEL',
      `${place}: label ${JSON.stringify(value)} is none of ${[...this.#labels.keys()].join(', ')}`,
    );
  }

  /**
   * Checks rows of a data file. `unlabelled` (default false) takes rows without a label and gives them label 0.
   *
   * @throws ERR_ZEST_TEMPLATE for a field that no row has, ERR_ZEST_DATA and ERR_ZEST_LABEL naming `file:line`
   */
  examples(rows: readonly Row[], options: { unlabelled?: boolean } = {}): Example[] {
    for (const field of this.fields) {
      const [row] = rows;
      if (row === undefined || rows.some(({ fields }) => Object.hasOwn(fields, field))) continue;
      throw new ZestError(
        'ERR_ZEST_TEMPLATE',
        `the task reads the field ${JSON.stringify(field)}, which ${row.file} does not have: ${Object.keys(row.fields).join(', ')}`,
      );
    }
    return rows.map((row) => this.example(row, options));
  }

  /** As {@link examples}, for one row; any field that is missing is ERR_ZEST_DATA. */
  example(row: Row, options: { unlabelled?: boolean } = {}): Example {
    const place = `${row.file}:${row.line}`;
    const texts = this.#texts(row.fields, place);
    return new Example(texts, options.unlabelled ? 0 : this.label(row.fields, place), place);
  }

  /**
   * The batch of some examples: those of {@link examples}, whose tokens are kept, or plain objects such as
   * `{ sentence: 'a charming film', label: 1 }`.
   */
  batch(examples: readonly (Example | ExampleFields)[]): Batch {
    return this.#batch(examples.map((example, i) => this.#example(example, i)));
  }

  /** Accuracy, the task's other metrics and the loss of a model on examples, evaluated in order. */
  async score(
    model: Scorer,
    examples: readonly (Example | ExampleFields)[],
    options: ScoreOptions = {},
  ): Promise<Score> {
    const checked = examples.map((example, i) => this.#example(example, i));
    const labels = checked.map(({ label }) => label);
    const answers: number[] = [];
    let loss = 0;
    for await (const { example, scores } of this.#scores(model, checked, options)) {
      answers.push(largestAt(scores));
      loss += logSumExp(scores) - scores[example.label]!;
    }
    return {
      ...measure(this.metrics, answers, labels),
      loss: loss / checked.length,
      count: checked.length,
    };
  }

  /** The labels that a model gives to texts (of a task with one field) or to objects with the task's fields. */
  async classify(
    model: Scorer,
    inputs: readonly (string | Example | ExampleFields)[],
    options: ScoreOptions = {},
  ): Promise<Classification[]> {
    const examples = inputs.map((input, i) => {
      if (input instanceof Example) return input;
      const place = `text ${i}`;
      const [only, ...others] = this.fields;
      if (typeof input === 'string' && others.length > 0) {
        throw typeError('ERR_ZEST_ARGUMENT', `${place} must be an object with the fields ${this.fields.join(', ')}`);
      }
      return new Example(this.#texts(typeof input === 'string' ? { [only!]: input } : input, place), 0, place);
    });
    const classifications: Classification[] = [];
    for await (const { scores } of this.#scores(model, examples, options)) {
      const label = largestAt(scores);
      const total = logSumExp(scores);
      classifications.push({
        label,
        name: this.names[label]!,
        ...(this.#words && { word: this.#words[label]! }),
        probabilities: Array.from(scores, (score) => Math.exp(score - total)),
      });
    }
    return classifications;
  }

  #texts(fields: ExampleFields, place: string): Record<string, string> {
    if (typeof fields !== 'object' || fields === null) {
      throw typeError('ERR_ZEST_ARGUMENT', `${place} must be an object with the fields ${this.fields.join(', ')}`);
    }
    return Object.fromEntries(
      this.fields.map((field) => {
        const text = Object.hasOwn(fields, field) ? fields[field] : undefined;
        if (text === undefined) throw dataError(place, `has no field ${JSON.stringify(field)}`);
        if (typeof text !== 'string') {
          throw dataError(place, `field ${JSON.stringify(field)} must be a string, not ${JSON.stringify(text)}`);
        }
        return [field, text];
      }),
    );
  }

  #example(example: Example | ExampleFields, index: number): Example {
    if (example instanceof Example) return example;
    const place = `example ${index}`;
    const texts = this.#texts(example, place);
    return new Example(texts, this.label(example, place), place);
  }

  #prompt(example: Example): Prompt {
    let prompt = this.#prompts.get(example);
    if (prompt === undefined) {
      prompt = this.#maker.make(example.fields);
      this.#prompts.set(example, prompt);
    }
    return prompt;
  }

  #batch(examples: readonly Example[]): Batch {
    const prompts = examples.map((example) => this.#prompt(example));
    const batch: Batch = {
      sequences: prompts.map(({ ids }) => ids),
      targets: prompts.map(({ target }, i) => target(examples[i]!.label)),
    };
    if (prompts.every(({ segments }) => segments === undefined)) return batch;
    return { ...batch, segments: prompts.map(({ ids, segments }) => segments ?? new Int32Array(ids.length)) };
  }

  async *#scores(
    model: Scorer,
    examples: readonly Example[],
    options: ScoreOptions,
  ): AsyncGenerator<{ example: Example; scores: Float32Array }> {
    const { batchSize = evaluationBatchSize, signal, onProgress } = options;
    if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
      throw rangeError('ERR_ZEST_OPTION', `batchSize must be an integer ≥ 1, not ${batchSize}`);
    }
    if (examples.length === 0) throw rangeError('ERR_ZEST_BATCH_EMPTY', 'there are no examples to score');
    for (let start = 0; start < examples.length; start += batchSize) {
      signal?.throwIfAborted();
      const part = examples.slice(start, start + batchSize);
      const rows = await model.logits(this.#batch(part), { signal });
      for (const [i, example] of part.entries()) {
        const scores = rows[i]!;
        if (scores.length !== this.names.length) {
          throw new ZestError(
            'ERR_ZEST_TARGET',
            `the model gives ${scores.length} scores where the task has ${this.names.length} labels`,
          );
        }
        if (!scores.every(Number.isFinite)) {
          throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', `${example.source}: the model's scores are not finite`);
        }
        yield { example, scores };
      }
      onProgress?.(start + part.length, examples.length);
    }
  }
}

/**
 * A task by name (see `BUILT_IN_TASKS`) or spec, for a tokenizer's model.
 *
 * @param options `maxLength`: most tokens of a sequence, specials included; longer texts are cut in their longest field.
 *   Default: the tokenizer's limit
 * @throws ERR_ZEST_OPTION, ERR_ZEST_TEMPLATE, ERR_ZEST_LABEL_WORD, ERR_ZEST_TOKENIZER (no mask token),
 *   ERR_ZEST_SEQUENCE_LENGTH (the template alone is longer than `maxLength`)
 */
export const loadTask = async (
  nameOrSpec: string | TaskSpec,
  tokenizer: Tokenizer,
  options: { maxLength?: number } = {},
): Promise<Task> => {
  const { maxLength = tokenizer.maxLength } = options;
  if (maxLength !== undefined && (!Number.isSafeInteger(maxLength) || maxLength < 1)) {
    throw rangeError('ERR_ZEST_OPTION', `maxLength must be an integer ≥ 1, not ${maxLength}`);
  }
  return new Task(taskSpec(nameOrSpec), tokenizer, maxLength);
};

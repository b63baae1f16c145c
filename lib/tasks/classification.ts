import { z } from 'zod';
import type { Batch, Target } from '../batch.ts';
import { dataError, type Row } from '../data/rows.ts';
import { sampleShots, withLabelNoise } from '../data/sampling.ts';
import { rangeError, typeError, ZestError } from '../errors.ts';
import { assertHas, assertList, callback, count, flag, given, optionsOf, signal } from '../options/calls.ts';
import { show } from '../show.ts';
import { DEFAULT_METRICS, definitionOf, METRICS, type Metric, measure } from './metrics.ts';
import {
  type Example,
  type ExampleFields,
  evaluationBatchSize,
  type Sampling,
  type Score,
  type ScoreOptions,
  type Scorer,
  type Task,
} from './task.ts';
import type { Encoding } from './tokenizer.ts';

/** Labels of a classification task. */
export interface Labels {
  /** Names of the labels, index = label. Data may then give a label by name. */
  labels?: readonly string[];
  /** Name of the field that holds the label. Default `label`. */
  labelField?: string;
  /**
   * Metrics that the task is judged by, beside the loss; the first decides which weights are best. Accuracy is always
   * measured, `f1` (of label 1) and `matthews` take a task of two labels. Default `['accuracy']`.
   */
  metrics?: readonly Metric[];
}

const text = () => z.string().min(1);

const isWithoutRepetition = (values: readonly string[]): boolean => new Set(values).size === values.length;
const repetition = { error: 'a list without repetitions' };

/** Strings that are not empty, each there once. */
export const names = () => z.array(text()).refine(isWithoutRepetition, repetition);

/** The keys of {@link Labels}. */
export const labelKeys = {
  labels: names().optional().describe('names of the labels, index = label; data may use them'),
  labelField: text().optional().describe('field of the data that holds the label; default label'),
  metrics: z
    .array(z.enum(METRICS))
    .min(1)
    .refine(isWithoutRepetition, repetition)
    .optional()
    .describe('beside accuracy and loss; the first decides which weights are best; default [accuracy]'),
};

/** Refuses labels and metrics that do not fit the number of classes. */
export const refuseLabels =
  <S extends Labels>(classesOf: (spec: S) => number) =>
  ({ value, issues }: z.core.ParsePayload<unknown>): void => {
    const { labels, metrics = [] } = value as S;
    const classes = classesOf(value as S);
    const refuse = (key: string, message: string, input: unknown) =>
      issues.push({ code: 'custom', path: [key], message, input });
    if (labels && labels.length !== classes) refuse('labels', `${classes} names, one a label`, labels);
    const ofTwo = metrics.find((metric) => definitionOf(metric).ofTwoLabels);
    if (ofTwo !== undefined && classes !== 2) {
      refuse('metrics', `metrics of ${classes} labels, and ${ofTwo} is of two`, metrics);
    }
  };

/** A text as the model sees it, and what is asked of it. */
export interface Prompt {
  ids: Int32Array;
  /** Absent where all are 0. */
  segments?: Int32Array;
  target(label: number): Target;
}

/** The ids and segments of a prompt. */
export const packed = ({ ids, segments }: Encoding): Pick<Prompt, 'ids' | 'segments'> => ({
  ids: Int32Array.from(ids),
  ...(segments.some((segment) => segment !== 0) && { segments: Int32Array.from(segments) }),
});

/** How a kind of classification asks for a label. */
export interface Asking {
  /** How many labels there are. */
  classes: number;
  /** A word a label, where the model answers with one. */
  words?: readonly string[];
  /** Fields that are read, each a string. */
  fields: readonly string[];
  /** Makes the prompt of an example's fields. */
  make(fields: Readonly<Record<string, string>>): Prompt;
}

const exampleOptions = optionsOf<{ unlabelled?: boolean }>({ unlabelled: flag });
const samplingOptions = optionsOf<Sampling>({ shots: given, labelNoise: given, seed: given });
const scoreOptions = optionsOf<ScoreOptions>({
  signal,
  batchSize: count,
  onProgress: callback,
  onExample: callback,
});

/** An example, its fields and label checked. Its tokens are made when first needed, and kept. */
export class LabelledExample implements Example {
  /** Texts by field. */
  readonly fields: Readonly<Record<string, string>>;
  /** Label, from 0. */
  readonly label: number;
  /** Place that it comes from, `file:line`. */
  readonly source: string;

  constructor(fields: Readonly<Record<string, string>>, label: number, source: string) {
    this.fields = Object.freeze({ ...fields });
    this.label = label;
    this.source = source;
    Object.freeze(this);
  }
}

/** Label that a model gives to a text. */
export interface Classification {
  /** Most probable label, from 0; the first of equals. */
  label: number;
  /** Name of the label: of `labels`, or else its label word, or else its number. */
  name: string;
  /** Label word, for tasks that have them. */
  word?: string;
  /** Probability of each label, in order; they add up to 1. */
  probabilities: number[];
}

/** log Σ exp, in float64. */
const logSumExp = (scores: Float32Array): number => {
  const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
};

const largestAt = (scores: Float32Array): number =>
  scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);

/** A text classification task: turns examples into batches, and a model's scores into metrics and labels. */
export class ClassificationTask<S extends Labels = Labels> implements Task<LabelledExample> {
  /** Spec that the task was made of. */
  readonly spec: S;
  /** Names of the labels, index = label. */
  readonly names: readonly string[];
  /** Names of the fields that are read, each a string. */
  readonly fields: readonly string[];
  /** Name of the field that holds the label. */
  readonly labelField: string;
  /** Metrics that it is judged by; the first decides which weights are best. */
  readonly metrics: readonly Metric[];
  /** Number of tokens that a sequence may have; longer texts are cut. Undefined: no limit. */
  readonly maxLength: number | undefined;
  readonly #asking: Asking;
  readonly #labels: ReadonlyMap<string, number>;
  readonly #prompts = new WeakMap<LabelledExample, Prompt>();

  /** Asks for a prompt of empty fields at once, so that a template that never fits, or a tokenizer without a mask, is an error before any data is read. */
  constructor(spec: S, maxLength: number | undefined, asking: Asking) {
    this.spec = spec;
    this.maxLength = maxLength;
    this.labelField = spec.labelField ?? 'label';
    this.metrics = spec.metrics ?? DEFAULT_METRICS;
    this.fields = asking.fields;
    this.#asking = asking;
    asking.make(Object.fromEntries(this.fields.map((field) => [field, ''])));
    const numbers = Array.from({ length: asking.classes }, (_, i) => `${i}`);
    this.names = spec.labels ?? asking.words ?? numbers;
    // Names that are integers themselves (stars, say) leave no room for labels by index, and label words none for names.
    const integers = this.names.some((name) => /^-?\d+$/.test(name));
    const keys = integers ? (spec.labels ?? numbers) : [...numbers, ...this.names];
    this.#labels = new Map(keys.map((key, i) => [key, i % numbers.length]));
  }

  /**
   * Reads the label of fields: an integer from 0, as a number or in digits, or one of `labels`, without which the label
   * words are names. With `labels` that are integers themselves, only those; label words that are integers are no
   * names.
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
  examples(rows: readonly Row[], options?: { unlabelled?: boolean }): LabelledExample[] {
    assertList(rows, 'rows', 'rows, as readRows gives them');
    for (const field of this.fields) {
      const [row] = rows;
      if (row?.fields === undefined || rows.some((one) => Object.hasOwn(Object(one?.fields), field))) continue;
      throw new ZestError(
        'ERR_ZEST_TEMPLATE',
        `the task reads the field ${JSON.stringify(field)}, which ${row.file} does not have: ${Object.keys(row.fields).join(', ')}`,
      );
    }
    return rows.map((row) => this.example(row, options));
  }

  /** Checks one row, as {@link examples} does several; any field that is missing is ERR_ZEST_DATA. */
  example(row: Row, options?: { unlabelled?: boolean }): LabelledExample {
    const { unlabelled = false } = exampleOptions(options);
    if (typeof row?.fields !== 'object' || row.fields === null)
      throw typeError('ERR_ZEST_ARGUMENT', `row is ${show(row)}; expected { file, line, fields }`);
    const place = `${row.file}:${row.line}`;
    const texts = this.#texts(row.fields, place);
    return new LabelledExample(texts, unlabelled ? 0 : this.label(row.fields, place), place);
  }

  /** Takes all examples or `shots` a class, then draws a share of their labels anew. */
  sample(examples: readonly LabelledExample[], sampling: Sampling): LabelledExample[] {
    assertList(examples, 'examples', 'examples of this task');
    const { shots, labelNoise, seed } = samplingOptions(sampling ?? null, 'sampling');
    const labelsOf = (some: readonly LabelledExample[]) => some.map(({ label }) => label);
    const chosen =
      shots === undefined
        ? [...examples]
        : sampleShots(labelsOf(examples), { names: this.names, shots, seed }).map((row) => examples[row]!);
    if (labelNoise === 0) return chosen;
    const noisy = withLabelNoise(labelsOf(chosen), { classes: this.names.length, share: labelNoise, seed });
    return chosen.map(({ fields, source }, i) => new LabelledExample(fields, noisy[i]!, source));
  }

  /**
   * Makes the batch of some examples: those of {@link examples}, whose tokens are kept, or plain objects such as
   * `{ sentence: 'a charming film', label: 1 }`.
   */
  batch(examples: readonly (LabelledExample | ExampleFields)[]): Batch {
    assertList(examples, 'examples', 'examples of this task');
    return this.#batch(examples.map((example, i) => this.#example(example, i)));
  }

  /** Scores a model on examples, in order: accuracy, the task's other metrics, and the loss. */
  async score(
    model: Scorer,
    examples: readonly (LabelledExample | ExampleFields)[],
    given?: ScoreOptions,
  ): Promise<Score & { accuracy: number }> {
    const options = scoreOptions(given);
    assertList(examples, 'examples', 'examples of this task');
    const checked = examples.map((example, i) => this.#example(example, i));
    const labels = checked.map(({ label }) => label);
    const answers: number[] = [];
    let loss = 0;
    for await (const { example, scores } of this.#scores(model, checked, options)) {
      const answer = largestAt(scores);
      const own = logSumExp(scores) - scores[example.label]!;
      answers.push(answer);
      loss += own;
      options.onExample?.({ answer, isRight: answer === example.label, loss: own });
    }
    return {
      ...measure(['accuracy', ...this.metrics], answers, labels),
      loss: loss / checked.length,
      count: checked.length,
    };
  }

  /** Labels texts (for a task with one field) or objects with the task's fields by a model. */
  async classify(
    model: Scorer,
    inputs: readonly (string | LabelledExample | ExampleFields)[],
    given?: ScoreOptions,
  ): Promise<Classification[]> {
    const options = scoreOptions(given);
    assertList(inputs, 'inputs', this.fields.length === 1 ? 'texts' : 'objects with the fields of the task');
    const examples = inputs.map((input, i) => {
      if (input instanceof LabelledExample) return input;
      const place = `text ${i}`;
      const [only, ...others] = this.fields;
      if (typeof input === 'string' && others.length > 0) {
        throw typeError(
          'ERR_ZEST_ARGUMENT',
          `${place} is ${show(input)}; expected an object with the fields ${this.fields.join(', ')}`,
        );
      }
      return new LabelledExample(this.#texts(typeof input === 'string' ? { [only!]: input } : input, place), 0, place);
    });
    const classifications: Classification[] = [];
    for await (const { scores } of this.#scores(model, examples, options)) {
      const label = largestAt(scores);
      const total = logSumExp(scores);
      classifications.push({
        label,
        name: this.names[label]!,
        ...(this.#asking.words && { word: this.#asking.words[label]! }),
        probabilities: Array.from(scores, (score) => Math.exp(score - total)),
      });
    }
    return classifications;
  }

  /** Answers examples with the name of the most probable label, and the probability of each by its name. */
  async answers(
    model: Scorer,
    examples: readonly LabelledExample[],
    options?: ScoreOptions,
  ): Promise<{ label: string; probabilities: Record<string, number> }[]> {
    const classifications = await this.classify(model, examples, options);
    return classifications.map(({ name, probabilities }) => ({
      label: name,
      probabilities: Object.fromEntries(this.names.map((each, i) => [each, probabilities[i]!])),
    }));
  }

  #texts(fields: ExampleFields, place: string): Record<string, string> {
    if (typeof fields !== 'object' || fields === null) {
      throw typeError(
        'ERR_ZEST_ARGUMENT',
        `${place} is ${show(fields)}; expected an object with the fields ${this.fields.join(', ')}`,
      );
    }
    return Object.fromEntries(
      this.fields.map((field) => {
        const text = Object.hasOwn(fields, field) ? fields[field] : undefined;
        if (text === undefined) throw dataError(place, `has no field ${JSON.stringify(field)}`);
        if (typeof text !== 'string') {
          throw dataError(place, `field ${JSON.stringify(field)} is ${show(text)}; expected a string`);
        }
        return [field, text];
      }),
    );
  }

  #example(example: LabelledExample | ExampleFields, index: number): LabelledExample {
    if (example instanceof LabelledExample) return example;
    const place = `example ${index}`;
    const texts = this.#texts(example, place);
    return new LabelledExample(texts, this.label(example, place), place);
  }

  #prompt(example: LabelledExample): Prompt {
    let prompt = this.#prompts.get(example);
    if (prompt === undefined) {
      prompt = this.#asking.make(example.fields);
      this.#prompts.set(example, prompt);
    }
    return prompt;
  }

  #batch(examples: readonly LabelledExample[]): Batch {
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
    examples: readonly LabelledExample[],
    options: ScoreOptions,
  ): AsyncGenerator<{ example: LabelledExample; scores: Float32Array }> {
    const { batchSize = evaluationBatchSize, signal, onProgress } = options;
    assertHas(model, 'model', ['logits'], 'a Model');
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
            `the model gives ${scores.length} scores where the task has ${this.names.length} labels; put a new head on with head: { classes: ${this.names.length} }`,
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

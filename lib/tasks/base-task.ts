import { dataError, type Row } from '../data/rows.ts';
import { ZestError } from '../errors.ts';
import type { Batch } from '../model/batch.ts';
import { assertList } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';
import { type AskedSequence, batchOf, responses } from './asked.ts';
import { answerOptions, exampleOptions } from './call-options.ts';
import { assertRows } from './checked.ts';
import { assertFits, isExample } from './example.ts';
import { absentField, assertRow, checkColumns, fieldValue, placeOf, textsOf } from './fields.ts';
import type { Derive } from './kind.ts';
import type { Metric } from './metrics.ts';
import type {
  AnswerOptions,
  Examination,
  Example,
  ExampleFields,
  Outcomes,
  Score,
  ScoredExample,
  ScoreOptions,
  Scorer,
  Task,
  Writer,
} from './task.ts';

/** What a model answers to an example. */
export interface Answer<A> {
  answer: A;
  /** Loss of the right answer; absent where that is not known. */
  loss?: number;
}

/**
 * What all tasks do alike: rows become examples, and those batches; a model answers them, and answers are collected. E is
 * an example, R its right answer, A what a model answers, and O what answers are collected in.
 */
export abstract class BaseTask<E extends Example, R, A, O extends Outcomes> {
  /** Names of the fields that are read, each a string. */
  readonly fields: readonly string[];
  /** Name of the field that holds the right answer. */
  readonly labelField: string;
  /** Metrics that it is judged by; the first decides which weights are best. */
  readonly metrics: readonly Metric[];
  /** Names of the labels, where an answer is of some. */
  readonly names: readonly string[] = [];
  /** Key of the spec that names the field of the answer, and what errors call it. */
  protected readonly answerKey: 'answer' | 'labelField' = 'labelField';
  protected readonly answerName: 'answer' | 'label' = 'answer';

  readonly #derive: Derive;

  constructor({
    fields,
    labelField,
    metrics,
    derive = (fields) => fields,
  }: Pick<Task, 'fields' | 'labelField' | 'metrics'> & { derive?: Derive }) {
    this.fields = fields;
    this.labelField = labelField;
    this.metrics = metrics;
    this.#derive = derive;
  }

  /** Reads the right answer of fields; `place` is `file:line`, for the error. */
  protected abstract read(fields: ExampleFields, place: string): R;
  /** Makes an example of what was read; `reference` is undefined where the right answer is not known. */
  protected abstract made(texts: Record<string, string>, reference: R | undefined, place: string): E;
  /** Whether an example that some task has made has a right answer of this one, where it has any. */
  protected abstract takes(example: Example): boolean;
  /** Whether the right answer of an example is known. */
  protected abstract isKnown(example: E): boolean;
  /** Makes the sequence that trains the right answer of an example, which is known. */
  protected abstract trained(example: E): AskedSequence;
  /** Answers some examples, which have been checked. */
  protected abstract respond(
    model: Scorer & Writer,
    examples: readonly E[],
    options: ScoreOptions,
  ): Promise<Answer<A>[]>;
  /** What `score` and `examine` tell of an answer, beside its loss. */
  protected abstract compare(answer: A, example: E): Omit<ScoredExample, 'loss'>;
  /** Collects the answer to an example whose right answer is known. */
  protected abstract collect(outcomes: O, example: E, answer: A, loss: number): void;
  /** What `predict` says of an answer. */
  protected abstract told(answer: A, example: E): Record<string, unknown>;

  abstract outcomes(): O;
  abstract examination(outcomes: O): Examination;

  /**
   * Checks rows of a data file. `unlabelled` (default false) takes rows without a right answer, or with one that is not
   * the task's, too.
   *
   * @throws ERR_ZEST_TEMPLATE for a field that no row has, ERR_ZEST_DATA and ERR_ZEST_LABEL naming `file:line`
   */
  examples(rows: readonly Row[], options?: { unlabelled?: boolean }): E[] {
    assertRows(rows);
    this.checkColumns(rows, { unlabelled: true });
    return rows.map((row) => this.example(row, options));
  }

  /** Checks that some row has each field that is read, that of the answer among them unless `unlabelled`. */
  checkColumns(rows: readonly Row[], options?: { unlabelled?: boolean }): void {
    const { unlabelled = false } = exampleOptions(options);
    assertRows(rows);
    for (const row of rows) assertRow(row);
    checkColumns(this.fields, rows, unlabelled ? undefined : { field: this.labelField, key: this.answerKey });
  }

  /** Finds a field that a row lacks, that of the answer too unless `unlabelled`; undefined where it has all. */
  lacking(row: Row, options?: { unlabelled?: boolean }): string | undefined {
    const { unlabelled = false } = exampleOptions(options);
    assertRow(row);
    const { fields } = row;
    return absentField(this.fields, fields) ?? (!unlabelled && this.isMissing(fields) ? this.labelField : undefined);
  }

  /** Finds the right answer that a row has where it is none of the task's. */
  unknownLabel(row: Row): string | undefined {
    assertRow(row);
    const fields = this.derived(row.fields);
    if (this.isMissing(fields) || this.#found(fields, placeOf(row)) !== undefined) return undefined;
    const value = fieldValue(fields, this.labelField);
    return typeof value === 'string' ? value.trim() : show(value);
  }

  /** Checks one row, as {@link examples} does several; any field that is missing is ERR_ZEST_DATA. */
  example(row: Row, options?: { unlabelled?: boolean }): E {
    const { unlabelled = false } = exampleOptions(options);
    assertRow(row);
    return this.exampleOf(row.fields, placeOf(row), unlabelled);
  }

  /** Whether a text stands for no right answer. */
  protected isEmpty(text: string): boolean {
    return text === '';
  }

  /** Whether fields have no right answer. */
  protected isMissing(fields: ExampleFields): boolean {
    const value = fieldValue(fields, this.labelField) ?? null;
    return (
      value === null ||
      (typeof value === 'string' && this.isEmpty(value.trim())) ||
      (Array.isArray(value) && value.length === 0)
    );
  }

  /** The right answer of fields; undefined where it is none of the task's. */
  #found(fields: ExampleFields, place: string): R | undefined {
    try {
      return this.read(fields, place);
    } catch (error) {
      if (error instanceof ZestError && ['ERR_ZEST_LABEL', 'ERR_ZEST_DATA'].includes(error.code)) return undefined;
      throw error;
    }
  }

  /** The right answer of fields that must have one. */
  protected rightAnswer(fields: ExampleFields, place: string): R {
    if (fieldValue(fields, this.labelField) !== undefined) return this.read(fields, place);
    throw dataError(place, `has no field ${JSON.stringify(this.labelField)} for the ${this.answerName}`);
  }

  /** The fields that are read, of those that the data have. */
  protected derived(fields: ExampleFields): ExampleFields {
    return typeof fields === 'object' && fields !== null ? this.#derive(fields) : fields;
  }

  /** Reads an example of fields as the data have them. */
  protected exampleOf(given: ExampleFields, place: string, unlabelled: boolean): E {
    const fields = this.derived(given);
    const texts = textsOf(this.fields, fields, place);
    if (!unlabelled) return this.made(texts, this.rightAnswer(fields, place), place);
    return this.made(texts, this.isMissing(fields) ? undefined : this.#found(fields, place), place);
  }

  /** Checks an example that some task has made. */
  protected own(example: Example, name = 'example'): E {
    assertFits(example, name, { fields: this.fields, hasAnswer: () => this.takes(example) });
    return example as E;
  }

  /** Checks examples that may be plain objects. */
  protected checked(examples: readonly (E | ExampleFields)[], options?: { unlabelled?: boolean }): E[] {
    const { unlabelled = false } = options ?? {};
    assertList(examples, 'examples', 'examples of this task');
    return examples.map((example, i) =>
      isExample(example)
        ? this.own(example, `examples[${i}]`)
        : this.exampleOf(example as ExampleFields, `example ${i}`, unlabelled),
    );
  }

  /** Checks examples of which none may be a plain object. */
  protected assertOwn(examples: readonly E[]): void {
    assertList(examples, 'examples', 'what examples() of the task gives');
    for (const [i, example] of examples.entries()) this.own(example, `examples[${i}]`);
  }

  #assertKnown(examples: readonly E[], use: string): void {
    const unknown = examples.find((example) => !this.isKnown(example));
    if (unknown !== undefined) throw dataError(unknown.source, `has no right answer to ${use}`);
  }

  /**
   * Makes the batch that trains some examples: those that `examples` made, whose tokens are kept, or plain objects such as
   * `{ sentence: 'a charming film', label: 1 }`.
   *
   * @throws ERR_ZEST_DATA for an example whose right answer is not known
   */
  batch(examples: readonly (E | ExampleFields)[]): Batch {
    const checked = this.checked(examples);
    this.#assertKnown(checked, 'train on');
    return batchOf(checked.map((example) => this.trained(example)));
  }

  /** Scores a model on examples, in order: the task's metrics, and the loss. */
  async score(
    model: Scorer & Writer,
    examples: readonly (E | ExampleFields)[],
    options?: ScoreOptions,
  ): Promise<Score> {
    return (await this.examine(model, examples, options)).score;
  }

  /** Scores a model on examples, and says what the score is made of. */
  async examine(
    model: Scorer & Writer,
    examples: readonly (E | ExampleFields)[],
    given?: ScoreOptions,
  ): Promise<Examination> {
    const options = answerOptions(given);
    const outcomes = this.outcomes();
    const checked = this.checked(examples);
    this.#assertKnown(checked, 'score by');
    for await (const { example, answer, loss = 0 } of this.#responses(model, checked, options)) {
      this.collect(outcomes, example, answer, loss);
      options.onExample?.({ ...this.compare(answer, example), loss });
    }
    return this.examination(outcomes);
  }

  /** Answers examples, or plain objects with their fields, as `predict` gives it. */
  async answers(
    model: Scorer & Writer,
    examples: readonly (E | ExampleFields)[],
    given?: AnswerOptions<O>,
  ): Promise<Record<string, unknown>[]> {
    const checked = this.checked(examples, { unlabelled: true });
    const answers = await this.answered(model, checked, answerOptions(given));
    return checked.map((example, i) => this.told(answers[i]!, example));
  }

  /** Answers examples that have been checked, and collects the answers to those whose right answer is known. */
  protected async answered(model: Scorer & Writer, examples: readonly E[], options: AnswerOptions<O>): Promise<A[]> {
    const answers: A[] = [];
    for await (const { example, answer, loss = 0 } of this.#responses(model, examples, options)) {
      if (options.outcomes && this.isKnown(example)) this.collect(options.outcomes, example, answer, loss);
      answers.push(answer);
    }
    return answers;
  }

  /** The answers of a model to examples, in order. */
  async *#responses(
    model: Scorer & Writer,
    examples: readonly E[],
    options: ScoreOptions,
  ): AsyncGenerator<Answer<A> & { example: E }> {
    const respond = (part: readonly E[]) => this.respond(model, part, options);
    for await (const [example, { answer, loss }] of responses(examples, options, respond)) {
      if (loss !== undefined && !Number.isFinite(loss)) {
        throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', `${example.source}: the model's loss is ${loss}`);
      }
      yield { example, answer, loss };
    }
  }

  static {
    refuseMoreOptions(this);
  }
}

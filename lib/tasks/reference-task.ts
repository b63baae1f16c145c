import { dataError, type Row } from '../data/rows.ts';
import { drawRows } from '../data/sampling.ts';
import { rangeError, ZestError } from '../errors.ts';
import type { Batch } from '../model/batch.ts';
import { assertList } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';
import { Answers } from './answer-report.ts';
import { type AskedSequence, batchOf, responses } from './asked.ts';
import { answerOptions, exampleOptions, holdOutOptions, samplingOptions } from './call-options.ts';
import { assertFits, assertMade, assertRows } from './checked.ts';
import { isExample, ReferencedExample } from './example.ts';
import { absentField, assertRow, checkColumns, fieldValue, placeOf, textsOf } from './fields.ts';
import type { Derive } from './kind.ts';
import { assertMeasured, definitionOf, type Metric, measure } from './metrics.ts';
import { noDemonstrations } from './preface.ts';
import type {
  AnswerOptions,
  Examination,
  ExampleFields,
  Preview,
  Sampling,
  Score,
  ScoredExample,
  ScoreOptions,
  Scorer,
  Task,
  Writer,
} from './task.ts';

/** An answer and what is right, as metrics take them. */
export type Compared = Pick<ScoredExample, 'prediction' | 'reference'>;

/** What a model answers to an example. */
export interface Answer<A> {
  answer: A;
  /** Loss of the right answer; absent where that is not known. */
  loss?: number;
}

/**
 * A task whose answers are compared with references: texts, numbers, labels of which there may be several, one of the
 * example's own options. What it is of is said by R, the right answer of an example, and A, what a model answers.
 */
export abstract class ReferenceTask<R, A> implements Task<ReferencedExample<R>> {
  /** Names of the fields that are read, each a string. */
  readonly fields: readonly string[];
  /** Name of the field that holds the right answer. */
  readonly labelField: string;
  /** Number of tokens that a sequence may have; longer texts are cut. Undefined: no limit. */
  abstract readonly maxLength: number | undefined;
  /** Metrics that it is judged by; the first decides which weights are best. */
  readonly metrics: readonly Metric[];
  /** Names of the labels, where an answer is of some. */
  readonly names: readonly string[] = [];
  /** Key of the spec that names the field of the answer. */
  protected readonly answerKey: string = 'answer';

  readonly #derive: Derive;

  constructor(spec: {
    fields: readonly string[];
    labelField: string;
    metrics: readonly Metric[];
    derive?: Derive;
  }) {
    this.#derive = spec.derive ?? ((fields) => fields);
    this.fields = spec.fields;
    this.labelField = spec.labelField;
    this.metrics = spec.metrics;
  }

  /** Reads the right answer of fields; `place` is `file:line`, for the error. */
  protected abstract read(fields: ExampleFields, place: string): R;
  /** Makes the sequence that trains the right answer of an example. */
  protected abstract asked(example: ReferencedExample<R>): AskedSequence;
  /** Answers some examples, which have been checked. */
  protected abstract respond(
    model: Scorer & Writer,
    examples: readonly ReferencedExample<R>[],
    options: ScoreOptions,
  ): Promise<Answer<A>[]>;
  /** Writes a right answer, or an answer, as a person reads it. */
  protected abstract shownReference(reference: R, example: ReferencedExample<R>): string;
  protected abstract shownAnswer(answer: A, example: ReferencedExample<R>): string;
  /** What `predict` says of an answer. */
  protected abstract told(answer: A, example: ReferencedExample<R>): Record<string, unknown>;
  /** Whether an answer is a right one. */
  protected abstract isRight(answer: A, reference: R): boolean;
  /** Whether the right answer of an example that some task has made, where it is known, is one of this task's. */
  protected abstract takes(example: ReferencedExample<unknown>): boolean;
  /** Shows what the model sees of an example. */
  abstract preview(example: ReferencedExample<R>): Preview;

  /**
   * Checks rows of a data file. `unlabelled` (default false) takes rows without a right answer, or with one that is not
   * the task's, too.
   */
  examples(rows: readonly Row[], options?: { unlabelled?: boolean }): ReferencedExample<R>[] {
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

  /** Finds the right answer that a row has where it is none of the task's. */
  unknownLabel(row: Row): string | undefined {
    assertRow(row);
    const fields = this.derived(row.fields);
    if (this.isMissing(fields) || this.#known(fields, placeOf(row)) !== undefined) return undefined;
    const value = fieldValue(fields, this.labelField);
    return typeof value === 'string' ? value.trim() : show(value);
  }

  /** The right answer of fields; undefined where it is none of the task's. */
  #known(fields: ExampleFields, place: string): R | undefined {
    try {
      return this.read(fields, place);
    } catch (error) {
      if (error instanceof ZestError && ['ERR_ZEST_LABEL', 'ERR_ZEST_DATA'].includes(error.code)) return undefined;
      throw error;
    }
  }

  /** Checks one row, as {@link examples} does several; any field that is missing is ERR_ZEST_DATA. */
  example(row: Row, options?: { unlabelled?: boolean }): ReferencedExample<R> {
    const { unlabelled = false } = exampleOptions(options);
    assertRow(row);
    return this.exampleOf(row.fields, placeOf(row), unlabelled);
  }

  /** The fields that are read, of those that the data have. */
  protected derived(fields: ExampleFields): ExampleFields {
    return typeof fields === 'object' && fields !== null ? this.#derive(fields) : fields;
  }

  /** Reads an example of fields as the data have them. */
  protected exampleOf(given: ExampleFields, place: string, unlabelled: boolean): ReferencedExample<R> {
    const fields = this.derived(given);
    const texts = textsOf(this.fields, fields, place);
    if (unlabelled) {
      const reference = this.isMissing(fields) ? undefined : this.#known(fields, place);
      return new ReferencedExample<R>(texts, reference, place);
    }
    if (fieldValue(fields, this.labelField) === undefined) {
      throw dataError(place, `has no field ${JSON.stringify(this.labelField)} for the answer`);
    }
    return new ReferencedExample<R>(texts, this.read(fields, place), place);
  }

  /** Counts nothing: there are no classes. */
  balance(_examples: readonly ReferencedExample<R>[]): { name: string; count: number }[] {
    return [];
  }

  /** Holds a share of the examples out; both parts keep the order. */
  holdOut<E extends ReferencedExample<R>>(
    examples: readonly E[],
    options: { share: number; seed: number },
  ): { rest: E[]; heldOut: E[] } {
    const { share, seed } = holdOutOptions(options);
    const chosen = new Set(
      drawRows(examples.length, { count: Math.round(share * examples.length), seed, use: 'heldOut' }),
    );
    return { rest: examples.filter((_, i) => !chosen.has(i)), heldOut: examples.filter((_, i) => chosen.has(i)) };
  }

  /** Takes all examples, or `shots` of them. */
  sample<E extends ReferencedExample<R>>(examples: readonly E[], sampling: Sampling): E[] {
    const { shots, labelNoise, seed } = samplingOptions(sampling, 'sampling');
    if (labelNoise > 0) {
      throw rangeError(
        'ERR_ZEST_OPTION',
        `labelNoise is ${labelNoise}; expected 0 for a task without classes, whose labels cannot be drawn anew`,
      );
    }
    if (shots === undefined) return [...examples];
    if (shots > examples.length) {
      throw new ZestError(
        'ERR_ZEST_SHOTS',
        `shots: ${shots} rows were asked for, of a task without classes, and there are ${examples.length}`,
      );
    }
    return drawRows(examples.length, { count: shots, seed, use: 'shots' }).map((row) => examples[row]!);
  }

  /** Shows examples with their answers before each prompt; only where there is a prompt. */
  demonstrate(_examples: readonly ReferencedExample<R>[], _separator: string): void {
    throw noDemonstrations('that has a head');
  }

  /** Makes the batch that trains some examples: those that `examples` made, or plain objects with their fields. */
  batch(examples: readonly (ReferencedExample<R> | ExampleFields)[]): Batch {
    assertList(examples, 'examples', 'examples of this task');
    const asked = this.checked(examples).map((example) => {
      if (example.reference !== undefined) return this.asked(example);
      throw dataError(example.source, 'has no right answer to train on');
    });
    return batchOf(asked);
  }

  /** Checks examples that may be plain objects. */
  protected checked(
    examples: readonly (ReferencedExample<R> | ExampleFields)[],
    options?: { unlabelled?: boolean },
  ): ReferencedExample<R>[] {
    const { unlabelled = false } = options ?? {};
    return examples.map((example, i) =>
      isExample(example) ? this.own(example, `examples[${i}]`) : this.exampleOf(example, `example ${i}`, unlabelled),
    );
  }

  /** Checks an example that some task has made. */
  protected own(example: unknown, name = 'example'): ReferencedExample<R> {
    assertMade(example, ReferencedExample, name, 'examples');
    assertFits(example, name, { fields: this.fields, hasAnswer: () => this.takes(example) });
    return example as ReferencedExample<R>;
  }

  /** Scores a model on examples, in order: the task's metrics, and the loss. */
  async score(
    model: Scorer & Writer,
    examples: readonly (ReferencedExample<R> | ExampleFields)[],
    options?: ScoreOptions,
  ): Promise<Score> {
    return (await this.examine(model, examples, options)).score;
  }

  /** Scores a model on examples, and says what the score is made of. */
  async examine(
    model: Scorer & Writer,
    examples: readonly (ReferencedExample<R> | ExampleFields)[],
    given?: ScoreOptions,
  ): Promise<Examination> {
    const options = answerOptions(given);
    assertList(examples, 'examples', 'examples of this task');
    const outcomes = this.outcomes();
    for await (const { example, answer, loss = 0 } of this.#responses(model, this.checked(examples), options)) {
      this.#add(outcomes, example, answer, loss);
      const isRight = this.isRight(answer, example.reference as R);
      const compared = this.compared(answer, example.reference as R);
      options.onExample?.({ answer: this.shownAnswer(answer, example), ...compared, isRight, loss });
    }
    return this.examination(outcomes);
  }

  /** Begins to collect answers to examples. */
  outcomes(): Answers<R, A> {
    return new Answers<R, A>(definitionOf(this.metrics[0]!).largerIsBetter);
  }

  /** Makes the score and the report of answers. */
  examination(outcomes: Answers<R, A>): Examination {
    assertMade(outcomes, Answers, 'outcomes', 'outcomes');
    const { answers, references, loss, count, worst } = outcomes;
    const score = { ...assertMeasured(this.#measured(answers, references)), loss, count };
    return { score, report: { kind: 'answers', worst } };
  }

  /** What metrics compare. */
  protected compared(answer: A, reference: R): Compared {
    return { prediction: answer, reference };
  }

  /** Values of the metrics. */
  #measured(answers: readonly A[], references: readonly R[]): Record<Metric, number> {
    const pairs = answers.map((answer, i) => this.compared(answer, references[i]!));
    return measure(
      this.metrics,
      pairs.map(({ prediction }) => prediction),
      pairs.map(({ reference }) => reference),
    );
  }

  /** Answers examples, or plain objects with their fields, as `predict` gives it. */
  async answers(
    model: Scorer & Writer,
    examples: readonly (ReferencedExample<R> | ExampleFields)[],
    given?: AnswerOptions<Answers<R, A>>,
  ): Promise<Record<string, unknown>[]> {
    const options = answerOptions(given);
    assertList(examples, 'examples', 'examples of this task');
    const checked = this.checked(examples, { unlabelled: true });
    const told: Record<string, unknown>[] = [];
    for await (const { example, answer, loss } of this.#responses(model, checked, options)) {
      if (example.reference !== undefined && given?.outcomes) this.#add(given.outcomes, example, answer, loss ?? 0);
      told.push(this.told(answer, example));
    }
    return told;
  }

  #add(outcomes: Answers<R, A>, example: ReferencedExample<R>, answer: A, loss: number): void {
    const reference = example.reference as R;
    const value = this.#measured([answer], [reference])[this.metrics[0] as Metric];
    outcomes.add({
      answer,
      reference,
      example: {
        source: example.source,
        fields: example.fields,
        label: this.shownReference(reference, example),
        answer: this.shownAnswer(answer, example),
        value,
        loss,
      },
    });
  }

  async *#responses(
    model: Scorer & Writer,
    examples: readonly ReferencedExample<R>[],
    options: ScoreOptions,
  ): AsyncGenerator<Answer<A> & { example: ReferencedExample<R> }> {
    const respond = (part: readonly ReferencedExample<R>[]) => this.respond(model, part, options);
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

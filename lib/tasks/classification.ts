import type { Row } from '../data/rows.ts';
import { holdOut, sampleShots, withLabelNoise } from '../data/sampling.ts';
import { typeError, ZestError } from '../errors.ts';
import type { Batch } from '../model/batch.ts';
import { assertHas, assertList } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { listed, show } from '../text/show.ts';
import { largestAt, outcome, probabilitiesOf } from './answer.ts';
import { batchOf, responses } from './asked.ts';
import { answerOptions, exampleOptions, holdOutOptions, samplingOptions } from './call-options.ts';
import { assertFits, assertMade, assertRows } from './checked.ts';
import { type ClassificationReport, Outcomes } from './classification-report.ts';
import { isExample, LabelledExample } from './example.ts';
import { absentField, assertRow, checkColumns, placeOf, textsOf } from './fields.ts';
import { type LabelReader, type Labels, labelReader } from './labels.ts';
import { assertMeasured, DEFAULT_METRICS, type Metric, measure } from './metrics.ts';
import { noDemonstrations } from './preface.ts';
import type { Asking, Prompt } from './prompt.ts';
import type {
  AnswerOptions,
  Examination,
  ExampleFields,
  Preview,
  Sampling,
  Score,
  ScoreOptions,
  Scorer,
  Task,
} from './task.ts';

/** Score of a classifier on examples, and what it is made of. */
export interface ClassExamination extends Examination {
  score: Score & { accuracy: number };
  report: ClassificationReport;
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

/** A text classification task: turns examples into batches, and a model's scores into metrics and labels. */
export class ClassificationTask<S extends Labels = Labels> implements Task<LabelledExample> {
  /** Spec that the task was made of. */
  readonly spec: S;
  /** Names of the labels, index = label. */
  readonly names: readonly string[];
  /** Names of the fields that are read, each a string. */
  readonly fields: readonly string[];
  /** Name of the field that holds the label. */
  get labelField(): string {
    return this.#labels.field;
  }
  /** Metrics that it is judged by; the first decides which weights are best. */
  readonly metrics: readonly Metric[];
  /** Number of tokens that a sequence may have; longer texts are cut. Undefined: no limit. */
  readonly maxLength: number | undefined;
  readonly #asking: Asking;
  readonly #labels: LabelReader;
  #prompts = new WeakMap<LabelledExample, Prompt>();

  /**
   * Asks for a prompt of empty fields at once, so that a template that never fits, or a tokenizer without a mask, is an
   * error before any data is read.
   */
  constructor(spec: S, maxLength: number | undefined, asking: Asking) {
    this.spec = spec;
    this.maxLength = maxLength;
    this.metrics = (spec.metrics as readonly Metric[] | undefined) ?? DEFAULT_METRICS;
    this.fields = asking.fields;
    this.#asking = asking;
    asking.make(Object.fromEntries(this.fields.map((field) => [field, ''])));
    this.names = spec.labels ?? asking.words ?? Array.from({ length: asking.classes }, (_, i) => `${i}`);
    this.#labels = labelReader(spec, this.names);
  }

  /**
   * Reads the label of fields: an integer from 0, as a number or in digits (1.0 is 1), or one of `labels`, without which
   * the label words are names. With `labels` of which one is a number itself, only those, compared as numbers; label words
   * that are numbers are no names.
   *
   * @param place `file:line`, for the error
   * @throws ERR_ZEST_DATA without the field, ERR_ZEST_LABEL for a label that is not in the list
   */
  label(fields: ExampleFields, place: string): number {
    if (typeof fields !== 'object' || fields === null)
      throw typeError('ERR_ZEST_ARGUMENT', `fields is ${show(fields)}; expected an object with the fields of the task`);
    if (typeof place !== 'string')
      throw typeError('ERR_ZEST_ARGUMENT', `place is ${show(place)}; expected where the fields are from, file:line`);
    return this.#labels.read(fields, place);
  }

  /**
   * Checks rows of a data file. `unlabelled` (default false) takes rows without a label, or with one that is not the
   * task's, too.
   *
   * @throws ERR_ZEST_TEMPLATE for a field that no row has, ERR_ZEST_DATA and ERR_ZEST_LABEL naming `file:line`
   */
  examples(rows: readonly Row[], options?: { unlabelled?: boolean }): LabelledExample[] {
    assertRows(rows);
    this.checkColumns(rows, { unlabelled: true });
    return rows.map((row) => this.example(row, options));
  }

  /** Checks that some row has each field that is read, the label among them unless `unlabelled`. */
  checkColumns(rows: readonly Row[], options?: { unlabelled?: boolean }): void {
    const { unlabelled = false } = exampleOptions(options);
    assertRows(rows);
    for (const row of rows) assertRow(row);
    checkColumns(this.fields, rows, unlabelled ? undefined : { field: this.labelField, key: 'labelField' });
  }

  /** Finds a field that a row lacks, its label too unless `unlabelled`; undefined where it has all. */
  lacking(row: Row, options?: { unlabelled?: boolean }): string | undefined {
    const { unlabelled = false } = exampleOptions(options);
    assertRow(row);
    const { fields } = row;
    return (
      absentField(this.fields, fields) ?? (!unlabelled && this.#labels.isMissing(fields) ? this.labelField : undefined)
    );
  }

  /** Finds the label of a row that is none of the task's; undefined where it has none, or one of the task's. */
  unknownLabel(row: Row): string | undefined {
    assertRow(row);
    return this.#labels.unknown(row.fields);
  }

  /** Checks one row, as {@link examples} does several; any field that is missing is ERR_ZEST_DATA. */
  example(row: Row, options?: { unlabelled?: boolean }): LabelledExample {
    const { unlabelled = false } = exampleOptions(options);
    assertRow(row);
    const place = placeOf(row);
    const texts = this.#texts(row.fields, place);
    if (!unlabelled) return new LabelledExample(texts, this.label(row.fields, place), place);
    const label = this.#labels.find(row.fields);
    return new LabelledExample(texts, label ?? 0, place, label !== undefined);
  }

  /** Takes all examples or `shots` a class, then draws a share of their labels anew. */
  sample(examples: readonly LabelledExample[], sampling: Sampling): LabelledExample[] {
    this.#assertOwn(examples);
    const { shots, labelNoise, seed } = samplingOptions(sampling, 'sampling');
    const labelsOf = (some: readonly LabelledExample[]) => some.map(({ label }) => label);
    const chosen =
      shots === undefined
        ? [...examples]
        : sampleShots(labelsOf(examples), { names: this.names, shots, seed }).map((row) => examples[row]!);
    if (labelNoise === 0) return chosen;
    const noisy = withLabelNoise(labelsOf(chosen), { classes: this.names.length, share: labelNoise, seed });
    return chosen.map(({ fields, source }, i) => new LabelledExample(fields, noisy[i]!, source));
  }

  /** Counts the examples of each label. */
  balance(examples: readonly LabelledExample[]): { name: string; count: number }[] {
    this.#assertOwn(examples);
    const counts = this.names.map(() => 0);
    for (const { label } of examples) counts[label]!++;
    return this.names.map((name, i) => ({ name, count: counts[i]! }));
  }

  /** Holds a share of each label's examples out; both parts keep the order. */
  holdOut(
    examples: readonly LabelledExample[],
    options: { share: number; seed: number },
  ): { rest: LabelledExample[]; heldOut: LabelledExample[] } {
    this.#assertOwn(examples);
    const labels = examples.map(({ label }) => label);
    const checked = holdOutOptions(options);
    const chosen = new Set(holdOut(labels, { classes: this.names.length, ...checked }));
    return {
      rest: examples.filter((_, i) => !chosen.has(i)),
      heldOut: examples.filter((_, i) => chosen.has(i)),
    };
  }

  /** Shows examples with their labels before each prompt from now on, with `separator` behind each. */
  demonstrate(examples: readonly LabelledExample[], separator: string): void {
    const { demonstrate } = this.#asking;
    this.#assertOwn(examples);
    if (typeof separator !== 'string')
      throw typeError('ERR_ZEST_ARGUMENT', `separator is ${show(separator)}; expected a text`);
    if (demonstrate === undefined) throw noDemonstrations('kind' in this.spec ? String(this.spec.kind) : 'labelWords');
    demonstrate(examples, separator);
    this.#prompts = new WeakMap();
  }

  /** Shows what the model sees of an example: its tokens, how many were cut, and the name of its label. */
  preview(example: LabelledExample): Preview {
    const { ids, cut } = this.#prompt(this.#own(example, 'example'));
    return { ids, cut, answer: this.names[example.label]! };
  }

  /**
   * Makes the batch of some examples: those that `examples` made, whose tokens are kept, or plain objects such as
   * `{ sentence: 'a charming film', label: 1 }`.
   */
  batch(examples: readonly (LabelledExample | ExampleFields)[]): Batch {
    assertList(examples, 'examples', 'examples of this task');
    return this.#batch(
      examples.map((example, i) => this.#example(example, i)),
      { forTraining: true },
    );
  }

  /** Scores a model on examples, in order: accuracy, the task's other metrics, and the loss. */
  async score(
    model: Scorer,
    examples: readonly (LabelledExample | ExampleFields)[],
    given?: ScoreOptions,
  ): Promise<Score & { accuracy: number }> {
    return (await this.examine(model, examples, given)).score;
  }

  /**
   * Scores a model on examples, and says what the score is made of: precision, recall and F1 of each class, which labels
   * are taken for which, calibration, and the examples of the highest loss.
   */
  async examine(
    model: Scorer,
    examples: readonly (LabelledExample | ExampleFields)[],
    given?: ScoreOptions,
  ): Promise<ClassExamination> {
    const options = answerOptions<Outcomes>(given as AnswerOptions<Outcomes> | undefined);
    assertList(examples, 'examples', 'examples of this task');
    const outcomes = new Outcomes(this.names);
    const checked = examples.map((example, i) => this.#example(example, i));
    for await (const { example, scores } of this.#scores(model, checked, options)) {
      const { answer, loss, ...rest } = outcome(example, scores);
      outcomes.add({ answer, loss, ...rest });
      const isRight = answer === example.label;
      options.onExample?.({ answer, prediction: answer, reference: example.label, isRight, loss });
    }
    return this.examination(outcomes);
  }

  /** Begins to collect answers to examples. */
  outcomes(): Outcomes {
    return new Outcomes(this.names);
  }

  /** Makes the score and the report of answers that {@link answers} gave. */
  examination(outcomes: Outcomes): ClassExamination {
    assertMade(outcomes, Outcomes, 'outcomes', 'outcomes');
    const { labels, answers, loss, count } = outcomes;
    const score = { ...assertMeasured(measure(['accuracy', ...this.metrics], answers, labels)), loss, count };
    return { score, report: outcomes.report() };
  }

  /** Labels texts (for a task with one field) or objects with the task's fields by a model. */
  async classify(
    model: Scorer,
    inputs: readonly (string | LabelledExample | ExampleFields)[],
    given?: AnswerOptions<Outcomes>,
  ): Promise<Classification[]> {
    const options = answerOptions<Outcomes>(given as AnswerOptions<Outcomes> | undefined);
    assertList(inputs, 'inputs', this.fields.length === 1 ? 'texts' : 'objects with the fields of the task');
    const examples = inputs.map((input, i) => {
      if (isExample(input)) return this.#own(input, `inputs[${i}]`);
      const place = `text ${i}`;
      const [only, ...others] = this.fields;
      if (typeof input === 'string' && others.length > 0) {
        throw typeError(
          'ERR_ZEST_ARGUMENT',
          `${place} is ${show(input)}; expected an object with the fields ${listed(this.fields)}`,
        );
      }
      return new LabelledExample(
        this.#texts(typeof input === 'string' ? { [only!]: input } : input, place),
        0,
        place,
        false,
      );
    });
    const classifications: Classification[] = [];
    for await (const { example, scores } of this.#scores(model, examples, options)) {
      if (example.isLabelled) options.outcomes?.add(outcome(example, scores));
      const label = largestAt(scores);
      classifications.push({
        label,
        name: this.names[label]!,
        ...(this.#asking.words && { word: this.#asking.words[label]! }),
        probabilities: probabilitiesOf(scores),
      });
    }
    return classifications;
  }

  /** Answers examples with the name of the most probable label, and the probability of each by its name. */
  async answers(
    model: Scorer,
    examples: readonly (LabelledExample | ExampleFields)[],
    options?: AnswerOptions<Outcomes>,
  ): Promise<{ label: string; probabilities: Record<string, number> }[]> {
    const classifications = await this.classify(model, examples, options);
    return classifications.map(({ name, probabilities }) => ({
      label: name,
      probabilities: Object.fromEntries(this.names.map((each, i) => [each, probabilities[i]!])),
    }));
  }

  #texts(fields: ExampleFields, place: string): Record<string, string> {
    const isObject = typeof fields === 'object' && fields !== null;
    return textsOf(this.fields, isObject ? (this.#asking.derive?.(fields) ?? fields) : fields, place);
  }

  #example(example: LabelledExample | ExampleFields, index: number): LabelledExample {
    if (isExample(example)) return this.#own(example, `examples[${index}]`);
    const place = `example ${index}`;
    const texts = this.#texts(example, place);
    return new LabelledExample(texts, this.label(example, place), place);
  }

  /** Checks an example that some task has made. */
  #own(example: unknown, name: string): LabelledExample {
    assertMade(example, LabelledExample, name, 'examples');
    assertFits(example, name, { fields: this.fields, hasAnswer: () => example.label < this.names.length });
    return example;
  }

  #assertOwn(examples: readonly LabelledExample[]): void {
    assertList(examples, 'examples', 'what examples() of the task gives');
    for (const [i, example] of examples.entries()) this.#own(example, `examples[${i}]`);
  }

  #prompt(example: LabelledExample): Prompt {
    let prompt = this.#prompts.get(example);
    if (prompt === undefined) {
      prompt = this.#asking.make(example.fields);
      this.#prompts.set(example, prompt);
    }
    return prompt;
  }

  #batch(examples: readonly LabelledExample[], { forTraining = false } = {}): Batch {
    const prompts = examples.map((example) => {
      const { training, target, ...prompt } = this.#prompt(example);
      const asked = { ...prompt, target: target(example.label) };
      return forTraining && training ? { ...asked, ...training(example.label) } : asked;
    });
    return batchOf(prompts);
  }

  async *#scores(
    model: Scorer,
    examples: readonly LabelledExample[],
    options: ScoreOptions,
  ): AsyncGenerator<{ example: LabelledExample; scores: Float32Array }> {
    assertHas(model, 'model', ['logits'], 'a Model');
    const respond = (part: readonly LabelledExample[]) => model.logits(this.#batch(part), { signal: options.signal });
    for await (const [example, scores] of responses(examples, options, respond)) {
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
  }

  static {
    refuseMoreOptions(this);
  }
}

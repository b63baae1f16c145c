import { holdOut, sampleShots, withLabelNoise } from '../data/sampling.ts';
import { typeError, ZestError } from '../errors.ts';
import { assertHas, assertList } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { listed, show } from '../text/show.ts';
import { largestAt, logSumExp, probabilitiesOf } from './answer.ts';
import { type AskedSequence, batchOf } from './asked.ts';
import { type Answer, BaseTask } from './base-task.ts';
import { answerOptions, holdOutOptions, samplingOptions } from './call-options.ts';
import { assertMade, isMade } from './checked.ts';
import { type ClassificationReport, Outcomes } from './classification-report.ts';
import { isExample, LabelledExample } from './example.ts';
import { fieldValue } from './fields.ts';
import { type Labels, labelReader } from './labels.ts';
import { assertMeasured, DEFAULT_METRICS, type Metric, measure } from './metrics.ts';
import { noDemonstrations } from './preface.ts';
import type { Asking, Prompt } from './prompt.ts';
import type {
  AnswerOptions,
  Examination,
  Example,
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
export class ClassificationTask<S extends Labels = Labels>
  extends BaseTask<LabelledExample, number, Classification, Outcomes>
  implements Task<LabelledExample>
{
  /** Spec that the task was made of. */
  readonly spec: S;
  /** Names of the labels, index = label. */
  override readonly names: readonly string[];
  /** Number of tokens that a sequence may have; longer texts are cut. Undefined: no limit. */
  readonly maxLength: number | undefined;
  protected override readonly answerName = 'label';
  readonly #asking: Asking;
  readonly #labels: ReturnType<typeof labelReader>;
  #prompts = new WeakMap<LabelledExample, Prompt>();

  /**
   * Asks for a prompt of empty fields at once, so that a template that never fits, or a tokenizer without a mask, is an
   * error before any data is read.
   */
  constructor(spec: S, maxLength: number | undefined, asking: Asking) {
    const metrics = (spec.metrics as readonly Metric[] | undefined) ?? DEFAULT_METRICS;
    super({ fields: asking.fields, labelField: spec.labelField ?? 'label', metrics, derive: asking.derive });
    this.spec = spec;
    this.maxLength = maxLength;
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
    return this.rightAnswer(fields, place);
  }

  protected read(fields: ExampleFields, place: string): number {
    return this.#labels.read(fieldValue(fields, this.labelField), place);
  }

  protected override isEmpty(text: string): boolean {
    return this.#labels.isEmpty(text);
  }

  protected made(texts: Record<string, string>, label: number | undefined, place: string): LabelledExample {
    return new LabelledExample(texts, label ?? 0, place, label !== undefined);
  }

  protected takes(example: Example): boolean {
    return isMade(example, LabelledExample) && example.label < this.names.length;
  }

  protected isKnown({ isLabelled }: LabelledExample): boolean {
    return isLabelled;
  }

  /** Takes all examples or `shots` a class, then draws a share of their labels anew. */
  sample(examples: readonly LabelledExample[], sampling: Sampling): LabelledExample[] {
    this.assertOwn(examples);
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
    this.assertOwn(examples);
    const counts = this.names.map(() => 0);
    for (const { label } of examples) counts[label]!++;
    return this.names.map((name, i) => ({ name, count: counts[i]! }));
  }

  /** Holds a share of each label's examples out; both parts keep the order. */
  holdOut(
    examples: readonly LabelledExample[],
    options: { share: number; seed: number },
  ): { rest: LabelledExample[]; heldOut: LabelledExample[] } {
    this.assertOwn(examples);
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
    this.assertOwn(examples);
    if (typeof separator !== 'string')
      throw typeError('ERR_ZEST_ARGUMENT', `separator is ${show(separator)}; expected a text`);
    if (demonstrate === undefined) throw noDemonstrations('kind' in this.spec ? String(this.spec.kind) : 'labelWords');
    demonstrate(examples, separator);
    this.#prompts = new WeakMap();
  }

  /** Shows what the model sees of an example: its tokens, how many were cut, and the name of its label. */
  preview(example: LabelledExample): Preview {
    const { ids, cut } = this.#prompt(this.own(example));
    return { ids, cut, answer: this.names[example.label]! };
  }

  /** Scores a model on examples, in order: accuracy, the task's other metrics, and the loss. */
  override async score(
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
  override async examine(
    model: Scorer,
    examples: readonly (LabelledExample | ExampleFields)[],
    given?: ScoreOptions,
  ): Promise<ClassExamination> {
    return (await super.examine(model as Scorer & Writer, examples, given)) as ClassExamination;
  }

  /** Begins to collect answers to examples. */
  outcomes(): Outcomes {
    return new Outcomes(this.names);
  }

  /** Makes the score and the report of answers that {@link answers} gave. */
  examination(outcomes: Outcomes): ClassExamination {
    assertMade(outcomes, Outcomes, 'outcomes', 'outcomes');
    const { references, answers, loss, count } = outcomes;
    const score = { ...assertMeasured(measure(['accuracy', ...this.metrics], answers, references)), loss, count };
    return { score, report: outcomes.report() };
  }

  /** Labels texts (for a task with one field) or objects with the task's fields by a model. */
  async classify(
    model: Scorer,
    inputs: readonly (string | LabelledExample | ExampleFields)[],
    given?: AnswerOptions<Outcomes>,
  ): Promise<Classification[]> {
    const options = answerOptions(given);
    assertList(inputs, 'inputs', this.fields.length === 1 ? 'texts' : 'objects with the fields of the task');
    const examples = inputs.map((input, i) => {
      if (isExample(input)) return this.own(input, `inputs[${i}]`);
      const place = `text ${i}`;
      const [only, ...others] = this.fields;
      if (typeof input === 'string' && others.length > 0) {
        throw typeError(
          'ERR_ZEST_ARGUMENT',
          `${place} is ${show(input)}; expected an object with the fields ${listed(this.fields)}`,
        );
      }
      return this.exampleOf(typeof input === 'string' ? { [only!]: input } : input, place, true);
    });
    return await this.answered(model as Scorer & Writer, examples, options);
  }

  /** Answers examples with the name of the most probable label, and the probability of each by its name. */
  override async answers(
    model: Scorer,
    examples: readonly (LabelledExample | ExampleFields)[],
    options?: AnswerOptions<Outcomes>,
  ): Promise<{ label: string; probabilities: Record<string, number> }[]> {
    return (await this.classify(model, examples, options)).map((answer) => this.told(answer));
  }

  protected told({ name, probabilities }: Classification): { label: string; probabilities: Record<string, number> } {
    return { label: name, probabilities: Object.fromEntries(this.names.map((each, i) => [each, probabilities[i]!])) };
  }

  protected compare({ label }: Classification, example: LabelledExample): Omit<ScoredExample, 'loss'> {
    return { answer: label, prediction: label, reference: example.label, isRight: label === example.label };
  }

  protected collect(
    outcomes: Outcomes,
    { source, fields, label: reference }: LabelledExample,
    { label: answer, name, probabilities }: Classification,
    loss: number,
  ): void {
    const example = { source, fields, label: this.names[reference]!, answer: name, loss };
    outcomes.add({ answer, reference, confidence: probabilities[answer]!, example });
  }

  #prompt(example: LabelledExample): Prompt {
    let prompt = this.#prompts.get(example);
    if (prompt === undefined) {
      prompt = this.#asking.make(example.fields);
      this.#prompts.set(example, prompt);
    }
    return prompt;
  }

  #asked(example: LabelledExample): AskedSequence {
    const { target, ...asked } = this.#prompt(example);
    return { ...asked, target: target(example.label) };
  }

  protected trained(example: LabelledExample): AskedSequence {
    return { ...this.#asked(example), ...this.#prompt(example).training?.(example.label) };
  }

  protected async respond(
    model: Scorer,
    examples: readonly LabelledExample[],
    { signal }: ScoreOptions,
  ): Promise<Answer<Classification>[]> {
    assertHas(model, 'model', ['logits'], 'a Model');
    const rows = await model.logits(batchOf(examples.map((example) => this.#asked(example))), { signal });
    return examples.map((example, i) => {
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
      const label = largestAt(scores);
      const answer = {
        label,
        name: this.names[label]!,
        ...(this.#asking.words && { word: this.#asking.words[label]! }),
        probabilities: probabilitiesOf(scores),
      };
      return { answer, loss: logSumExp(scores) - scores[example.label]! };
    });
  }

  static {
    refuseMoreOptions(this);
  }
}

import { dataError } from '../data/rows.ts';
import { ZestError } from '../errors.ts';
import { assertHas } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';
import { largestAt, logSumExp, probabilitiesOf } from './answer.ts';
import type { AskedSequence } from './asked.ts';
import type { Answer } from './base-task.ts';
import type { ChoiceSpec } from './choice.ts';
import { cutToFit } from './choice-prompt.ts';
import type { ReferencedExample } from './example.ts';
import { fieldValue } from './fields.ts';
import type { Derive } from './kind.ts';
import { integerText } from './labels.ts';
import { DEFAULT_METRICS, type Metric } from './metrics.ts';
import type { PrefaceReader } from './preface.ts';
import type { Prompt } from './prompt.ts';
import { type Compared, ReferenceTask } from './reference-task.ts';
import type { ExampleFields, Preview, ScoreOptions, Scorer } from './task.ts';

/** What is right of an example's options, by number. */
export type RightOptions = readonly number[];

/** An option that was chosen, and what the model thinks of each. */
interface Choice {
  option: number;
  probabilities: readonly number[];
}

/** A choice among options that each example has of its own. */
export class OwnOptionsTask extends ReferenceTask<RightOptions, Choice> {
  /** Spec that the task was made of. */
  readonly spec: ChoiceSpec & { options: string };
  /** Number of tokens that a sequence may have; longer prompts are cut. Undefined: no limit. */
  readonly maxLength: number | undefined;
  readonly #reader: PrefaceReader;
  /** The options of the examples that tasks of this kind have made, whichever of them. */
  static readonly #options = new WeakMap<ReferencedExample<unknown>, readonly string[]>();
  #prompts = new WeakMap<ReferencedExample<RightOptions>, Prompt>();

  constructor(
    spec: ChoiceSpec & { options: string },
    reader: PrefaceReader,
    { maxLength, derive }: { maxLength: number | undefined; derive?: Derive },
  ) {
    const { labelField = 'label' } = spec;
    const metrics = (spec.metrics as readonly Metric[] | undefined) ?? DEFAULT_METRICS;
    super({ fields: reader.fields, labelField, metrics, derive });
    this.spec = spec;
    this.maxLength = maxLength;
    this.#reader = reader;
    reader.fill(Object.fromEntries(this.fields.map((field) => [field, ''])), maxLength ?? Number.POSITIVE_INFINITY);
  }

  /** The options of an example, in the order of its field. */
  optionsOf(example: ReferencedExample<RightOptions>): readonly string[] {
    return OwnOptionsTask.#options.get(this.own(example))!;
  }

  protected override exampleOf(given: ExampleFields, place: string, unlabelled: boolean) {
    const example = super.exampleOf(given, place, unlabelled);
    OwnOptionsTask.#options.set(example, this.#listed(this.derived(given), place));
    return example;
  }

  #listed(fields: ExampleFields, place: string): string[] {
    const { options: field } = this.spec;
    const value = fieldValue(fields, field);
    if (value === undefined) throw dataError(place, `has no field ${JSON.stringify(field)} for the options`);
    const isList = Array.isArray(value) && value.every((option) => typeof option === 'string' && option !== '');
    if (isList && value.length >= 2) return value;
    const fault = isList ? `has ${value.length === 1 ? 'one option' : 'no options'}` : `is ${show(value)}`;
    throw dataError(
      place,
      `field ${JSON.stringify(field)} ${fault}; expected a list of two texts or more, none of them empty`,
    );
  }

  protected read(fields: ExampleFields, place: string): RightOptions {
    const options = this.#listed(fields, place);
    const value = fieldValue(fields, this.labelField);
    const given: unknown[] = Array.isArray(value) ? value : [value];
    const right = given.map((each) => {
      const text = String(each);
      const number = integerText(text.trim());
      const numbered = /^\d+$/.test(number) && Number(number) < options.length ? Number(number) : -1;
      // A number is one, also where options are numbers; a text is first of all a text, with the white space around it.
      if (typeof each === 'number') return numbered;
      const same = options.indexOf(text);
      const named = same >= 0 ? same : options.findIndex((option) => option.trim() === text.trim());
      return named >= 0 ? named : numbered;
    });
    if (right.some((option) => option >= 0)) return [...new Set(right.filter((option) => option >= 0))];
    throw new ZestError(
      'ERR_ZEST_LABEL',
      `${place}: label ${show(value)} is none of its ${options.length} options; expected one of ${show(options)}, or its number from 0`,
    );
  }

  protected fits(example: ReferencedExample<unknown>): boolean {
    return OwnOptionsTask.#options.has(example);
  }

  /** Shows examples with their answers before each prompt from now on, with `separator` behind each. */
  override demonstrate(examples: readonly ReferencedExample<RightOptions>[], separator: string): void {
    const shown = this.checked(examples, { unlabelled: true }).map((example) => ({
      fields: example.fields,
      answer: this.optionsOf(example)[example.reference?.[0] ?? 0]!,
    }));
    this.#reader.demonstrate(shown, separator);
    this.#prompts = new WeakMap();
  }

  #prompt(example: ReferencedExample<RightOptions>): Prompt {
    let prompt = this.#prompts.get(example);
    if (prompt === undefined) {
      const options = this.optionsOf(example).map((option) => this.#reader.answer(option));
      prompt = cutToFit(this.spec, this.#reader, { fields: example.fields, options, maxLength: this.maxLength });
      this.#prompts.set(example, prompt);
    }
    return prompt;
  }

  preview(example: ReferencedExample<RightOptions>): Preview {
    const { ids, cut } = this.#prompt(example);
    return { ids, cut, answer: this.optionsOf(example)[example.reference?.[0] ?? 0]! };
  }

  protected asked(example: ReferencedExample<RightOptions>): AskedSequence {
    const { ids, target, training } = this.#prompt(example);
    const [label = 0] = example.reference as RightOptions;
    return training ? training(label) : { ids, target: target(label) };
  }

  protected async respond(
    model: Scorer,
    examples: readonly ReferencedExample<RightOptions>[],
    { signal }: ScoreOptions,
  ): Promise<Answer<Choice>[]> {
    assertHas(model, 'model', ['logits'], 'a Model');
    const prompts = examples.map((example) => this.#prompt(example));
    const batch = {
      sequences: prompts.map(({ ids }) => ids),
      targets: prompts.map(({ target }, i) => target(examples[i]!.reference?.[0] ?? 0)),
    };
    const rows = await model.logits(batch, { signal });
    return examples.map(({ reference }, i) => {
      const scores = rows[i]!;
      const right = reference && Float32Array.from(reference, (option) => scores[option]!);
      return {
        answer: { option: largestAt(scores), probabilities: probabilitiesOf(scores) },
        loss: right && logSumExp(scores) - logSumExp(right),
      };
    });
  }

  // An option that is right too counts as the one that is expected.
  protected override compared({ option }: Choice, right: RightOptions): Compared {
    return { prediction: option, reference: right.includes(option) ? option : right[0] };
  }

  protected shownReference(right: RightOptions, example: ReferencedExample<RightOptions>): string {
    return this.optionsOf(example)[right[0]!]!;
  }

  protected shownAnswer({ option }: Choice, example: ReferencedExample<RightOptions>): string {
    return this.optionsOf(example)[option]!;
  }

  protected told({ option, probabilities }: Choice, example: ReferencedExample<RightOptions>): Record<string, unknown> {
    return { label: option, answer: this.optionsOf(example)[option], probabilities };
  }

  protected isRight({ option }: Choice, right: RightOptions): boolean {
    return right.includes(option);
  }

  static {
    refuseMoreOptions(this, ['optionsOf', 'demonstrate', 'preview']);
  }
}

import { z } from 'zod';
import { ZestError } from '../errors.ts';
import { measuresOfClass } from '../metrics/classes.ts';
import type { Target } from '../model/batch.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { listed, show } from '../text/show.ts';
import type { Answers } from './answer-report.ts';
import type { Answer } from './base-task.ts';
import type { ClassMeasures } from './classification-report.ts';
import type { ReferencedExample } from './example.ts';
import { fieldValue } from './fields.ts';
import { HeadTask } from './head-task.ts';
import type { TaskKind } from './kind.ts';
import { type LabelNames, labelNames, metricList, names } from './labels.ts';
import type { Metric, MetricOf } from './metrics.ts';
import type { Compared } from './reference-task.ts';
import type { Examination, ExampleFields } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Labels of which a text, or a pair, may have several, or none. */
export interface MultiLabelSpec {
  kind: 'multiLabel';
  /** Name of the field of the text, or of the two fields of a pair. */
  fields: readonly string[];
  /** Names of the labels, one an output of the head. */
  labels: readonly string[];
  /**
   * Name of the field that holds the labels of an example: a list of names or, of labels that are no numbers
   * themselves, numbers from 0; or a text with commas, semicolons or bars between them. As many numbers as there are labels, 0 and 1 alone, may be flags: they are refused.
   * Default `label`.
   */
  labelField?: string;
  /** Metrics that it is judged by; the first decides which weights are best. Default `['microF1', 'subsetAccuracy']`. */
  metrics?: readonly MetricOf<'labelSets'>[];
}

const DEFAULT_METRICS: readonly Metric[] = ['microF1', 'subsetAccuracy'];

/** The labels that are answered, and the probability of each. */
interface LabelAnswer {
  labels: readonly number[];
  probabilities: readonly number[];
}

/** Yes or no for a label, as other data have it of each. */
const FLAG = /^([01]|true|false)$/i;

/** log(1 + eˣ), for all x. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * A task whose answer is a set of labels, those of a probability above one half; its loss is the mean cross-entropy of
 * each label's yes or no.
 */
export class MultiLabelTask extends HeadTask<readonly number[], LabelAnswer> {
  /** Spec that the task was made of. */
  readonly spec: MultiLabelSpec;
  override readonly names: readonly string[] = [];
  /** Names of the labels, one an output of the head. */
  readonly labels: readonly string[];
  protected readonly outputs: number;
  readonly #known: LabelNames;

  constructor(spec: MultiLabelSpec, tokenizer: Tokenizer, maxLength: number | undefined) {
    const metrics = (spec.metrics as readonly Metric[] | undefined) ?? DEFAULT_METRICS;
    super({ fields: spec.fields, labelField: spec.labelField, metrics, tokenizer, maxLength });
    this.spec = spec;
    this.labels = spec.labels;
    this.outputs = spec.labels.length;
    this.#known = labelNames(spec.labels);
  }

  /** No label at all is an answer, too. */
  protected override isMissing(fields: ExampleFields): boolean {
    return (fieldValue(fields, this.labelField) ?? null) === null;
  }

  protected read(fields: ExampleFields, place: string): readonly number[] {
    const value = fieldValue(fields, this.labelField);
    const find = (label: unknown) => this.#known.find(String(label));
    const isOne = !Array.isArray(value) && find(value) !== undefined;
    const parts = Array.isArray(value) ? value : isOne ? [value] : String(value).split(/[,;|]/);
    const given = parts.filter((label) => String(label).trim() !== '');
    const isFlag = (label: unknown) => FLAG.test(String(label).trim()) && !this.labels.includes(String(label).trim());
    if (given.length > 1 && given.length === this.labels.length && given.every(isFlag)) {
      throw new ZestError(
        'ERR_ZEST_LABEL',
        `${place}: label ${show(value)} may be a flag for each label, or the numbers of labels; expected the names of those that hold`,
      );
    }
    const unknown = given.find((label) => find(label) === undefined);
    const labels = [...new Set(given.flatMap((label) => find(label) ?? []))];
    if (labels.length < given.length && unknown === undefined) {
      throw new ZestError(
        'ERR_ZEST_LABEL',
        `${place}: label ${show(value)} has a label twice; expected the names or numbers of those that hold`,
      );
    }
    if (unknown === undefined) return labels.sort((a, b) => a - b);
    throw new ZestError('ERR_ZEST_LABEL', `${place}: label ${show(unknown)} is none of ${listed(this.#known.keys)}`);
  }

  protected fits({ reference }: ReferencedExample<unknown>): boolean {
    const isLabel = (label: unknown) => typeof label === 'number' && label < this.labels.length;
    return reference === undefined || (Array.isArray(reference) && reference.every(isLabel));
  }

  protected target(reference: readonly number[] = []): Target {
    return { kind: 'labels', labels: reference };
  }

  protected answerOf(outputs: readonly number[], reference: readonly number[] | undefined): Answer<LabelAnswer> {
    const probabilities = outputs.map((output) => 1 / (1 + Math.exp(-output)));
    const labels = outputs.flatMap((output, label) => (output > 0 ? [label] : []));
    const losses = outputs.map((output, label) => softplus(reference?.includes(label) ? -output : output));
    const loss = losses.reduce((sum, each) => sum + each, 0) / outputs.length;
    return { answer: { labels, probabilities }, loss: reference === undefined ? undefined : loss };
  }

  protected override compared({ labels }: LabelAnswer, reference: readonly number[]): Compared {
    return { prediction: labels, reference };
  }

  /** Makes the score, and the report with the measures of each label. */
  override examination(outcomes: Answers<readonly number[], LabelAnswer>): Examination {
    const { score, report } = super.examination(outcomes);
    const { answers, references } = outcomes;
    const classes = this.labels.map((name, label): ClassMeasures => {
      const answered = answers.filter(({ labels }) => labels.includes(label)).length;
      const count = references.filter((labels) => labels.includes(label)).length;
      const right = answers.filter(({ labels }, i) => labels.includes(label) && references[i]!.includes(label)).length;
      return { name, ...measuresOfClass({ right, answered, count }), count };
    });
    return { score, report: { ...report, classes } };
  }

  #named(labels: readonly number[]): string[] {
    return labels.map((label) => this.labels[label]!);
  }

  protected shownReference(labels: readonly number[]): string {
    return this.#named(labels).join(', ');
  }

  protected shownAnswer({ labels }: LabelAnswer): string {
    return this.#named(labels).join(', ');
  }

  protected told({ labels, probabilities }: LabelAnswer): Record<string, unknown> {
    return {
      labels: this.#named(labels),
      probabilities: Object.fromEntries(this.labels.map((name, label) => [name, probabilities[label]])),
    };
  }

  protected isRight({ labels }: LabelAnswer, reference: readonly number[]): boolean {
    return labels.length === reference.length && labels.every((label) => reference.includes(label));
  }

  static {
    refuseMoreOptions(this, ['examination']);
  }
}

export const multiLabel: TaskKind<MultiLabelSpec, MultiLabelTask> = {
  defaultMetrics: DEFAULT_METRICS,
  schema: z.strictObject({
    kind: z.literal('multiLabel').describe('any number of labels, by a head with an output a label'),
    fields: names().min(1).max(2).describe('the field of the text, or the two of a pair'),
    labels: names().min(1).describe('names of the labels, one an output of the head'),
    labelField: z
      .string()
      .min(1)
      .optional()
      .describe(
        'field of the data with a list of labels, or a text with commas, semicolons or bars between; default label',
      ),
    metrics: metricList('labelSets', DEFAULT_METRICS),
  }),
  make: (spec, tokenizer, maxLength) => new MultiLabelTask(spec, tokenizer, maxLength),
};

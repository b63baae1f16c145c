import { accuracy, f1, macroF1, matthews } from '../metrics/classes.ts';
import { exactMatch, rougeL, tokenF1 } from '../metrics/texts.ts';
import { mean } from '../statistics.ts';

/** What answers are: the number of a class, or a text, whose reference is a list of those that are right. */
interface Answers {
  classes: { prediction: number; reference: number };
  texts: { prediction: string; reference: readonly string[] };
  /** What answers are worth, which takes no right one. */
  rewards: { prediction: number; reference: unknown };
}

/** What a task's answers are. */
export type AnswerKind = keyof Answers;

/** A measure that a task may be judged by. */
type MetricDefinition = {
  [K in AnswerKind]: {
    /** Name that people read. */
    title: string;
    /** What the answers are that it compares. */
    of: K;
    largerIsBetter: boolean;
    /** How a value is written: a share as per cent, or the number itself. */
    format: 'percent' | 'number';
    /** Whether it takes a task of two labels, label 1 being the positive one. */
    ofTwoLabels?: boolean;
    /** Its value for answers to examples with these right answers. */
    measure(predictions: readonly Answers[K]['prediction'][], references: readonly Answers[K]['reference'][]): number;
  };
}[AnswerKind];

const share = { largerIsBetter: true, format: 'percent' } as const;
const number = { largerIsBetter: true, format: 'number' } as const;

/**
 * Every metric, in the order in which scores have them. Of classes: `accuracy` is the share of the answers that are
 * right, `f1` that of label 1, from 0 to 1, `macroF1` its mean over the labels, `matthews` Matthews' correlation
 * coefficient, from −1 to 1. Of texts: `exactMatch`, `tokenF1` and `rougeL`, from 0 to 1. `reward` is the mean of what
 * a run's `objective.reward` says of its answers.
 */
const DEFINITIONS = {
  accuracy: { title: 'accuracy', of: 'classes', ...share, measure: accuracy },
  f1: { title: 'F1', of: 'classes', ...share, ofTwoLabels: true, measure: f1 },
  macroF1: { title: 'mean F1', of: 'classes', ...share, measure: macroF1 },
  matthews: { title: 'Matthews', of: 'classes', ...number, ofTwoLabels: true, measure: matthews },
  exactMatch: { title: 'exact match', of: 'texts', ...share, measure: exactMatch },
  tokenF1: { title: 'F1 of words', of: 'texts', ...share, measure: tokenF1 },
  rougeL: { title: 'ROUGE-L', of: 'texts', ...share, measure: rougeL },
  reward: { title: 'reward', of: 'rewards', ...number, measure: mean },
} satisfies Record<string, MetricDefinition>;

/** What a task may be judged by. */
export type Metric = keyof typeof DEFINITIONS;

/** Those of some kind of answers. */
export type MetricOf<K extends AnswerKind> = {
  [M in Metric]: (typeof DEFINITIONS)[M]['of'] extends K ? M : never;
}[Metric];

export const METRICS = Object.keys(DEFINITIONS) as readonly Metric[];

/** The metrics of some kind of answers. */
export const metricsOf = <K extends AnswerKind>(kind: K): MetricOf<K>[] =>
  METRICS.filter((metric) => definitionOf(metric).of === kind) as MetricOf<K>[];

/** What a task is judged by that does not say. */
export const DEFAULT_METRICS: readonly MetricOf<'classes'>[] = ['accuracy'];

export const isMetric = (value: unknown): value is Metric => METRICS.some((metric) => metric === value);

export const definitionOf = (metric: Metric): MetricDefinition => DEFINITIONS[metric];

/** Values of metrics, of which {@link DEFINITIONS} says what they are. */
export type Measures = { [metric in Metric]?: number };

/** Measures answers to examples with these right answers, which are of the metrics' kind. */
export const measure = <M extends Metric>(
  metrics: readonly M[],
  answers: readonly unknown[],
  references: readonly unknown[],
): Record<M, number> => {
  const asked = METRICS.filter((metric) => metrics.includes(metric as M));
  const values = asked.map((metric) => [
    metric,
    definitionOf(metric).measure(answers as readonly never[], references as readonly never[]),
  ]);
  return Object.fromEntries(values) as Record<M, number>;
};

/** By how much a value is better than another: below 0 where it is worse. One that is missing is the worst. */
export const gain = (metric: Metric, value: number | undefined, other: number | undefined): number => {
  const { largerIsBetter } = definitionOf(metric);
  const worst = largerIsBetter ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return largerIsBetter ? (value ?? worst) - (other ?? worst) : (other ?? worst) - (value ?? worst);
};

/** Writes a value without its unit: 81.3 of a share, or 0.412. */
export const metricDigits = (metric: Metric, value: number): string =>
  definitionOf(metric).format === 'percent' ? (100 * value).toFixed(1) : value.toFixed(3);

/** What follows the digits. */
export const metricUnit = (metric: Metric): string => (definitionOf(metric).format === 'percent' ? ' %' : '');

/** Writes a value as people read it: 81.3 %, or 0.412. */
export const shownMetric = (metric: Metric, value: number): string => metricDigits(metric, value) + metricUnit(metric);

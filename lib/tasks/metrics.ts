/** A measure that a task may be judged by. */
interface MetricDefinition {
  /** Name that people read. */
  title: string;
  largerIsBetter: boolean;
  /** How a value is written: a share as per cent, or the number itself. */
  format: 'percent' | 'number';
  /** Whether it takes a task of two labels, label 1 being the positive one. */
  ofTwoLabels?: boolean;
  /** Its value for answers to examples with these labels. */
  measure(answers: readonly number[], labels: readonly number[]): number;
}

const confusion = (answers: readonly number[], labels: readonly number[]) => {
  const count = (answer: number, label: number) => labels.filter((l, i) => l === label && answers[i] === answer).length;
  return {
    truePositive: count(1, 1),
    falsePositive: count(1, 0),
    trueNegative: count(0, 0),
    falseNegative: count(0, 1),
  };
};

const accuracy = (answers: readonly number[], labels: readonly number[]): number =>
  labels.filter((label, i) => label === answers[i]).length / labels.length;

/** The harmonic mean of precision and recall of label 1. */
const f1 = (answers: readonly number[], labels: readonly number[]): number => {
  const { truePositive, falsePositive, falseNegative } = confusion(answers, labels);
  return truePositive === 0 ? 0 : (2 * truePositive) / (2 * truePositive + falsePositive + falseNegative);
};

/** The correlation of answers and labels (Matthews 1975). */
const matthews = (answers: readonly number[], labels: readonly number[]): number => {
  const { truePositive, falsePositive, trueNegative, falseNegative } = confusion(answers, labels);
  const margins =
    (truePositive + falsePositive) *
    (truePositive + falseNegative) *
    (trueNegative + falsePositive) *
    (trueNegative + falseNegative);
  return margins === 0 ? 0 : (truePositive * trueNegative - falsePositive * falseNegative) / Math.sqrt(margins);
};

/**
 * Every metric, in the order in which scores have them: `accuracy` is the share of the answers that are right, `f1` that
 * of label 1, from 0 to 1, `matthews` Matthews' correlation coefficient, from −1 to 1. Where F1 or Matthews is undefined
 * it is 0, as scikit-learn has it.
 */
const DEFINITIONS = {
  accuracy: { title: 'accuracy', largerIsBetter: true, format: 'percent', measure: accuracy },
  f1: { title: 'F1', largerIsBetter: true, format: 'percent', ofTwoLabels: true, measure: f1 },
  matthews: { title: 'Matthews', largerIsBetter: true, format: 'number', ofTwoLabels: true, measure: matthews },
} satisfies Record<string, MetricDefinition>;

/** What a task may be judged by. */
export type Metric = keyof typeof DEFINITIONS;

export const METRICS = Object.keys(DEFINITIONS) as readonly Metric[];

/** What a task is judged by that does not say. */
export const DEFAULT_METRICS: readonly Metric[] = ['accuracy'];

export const isMetric = (value: unknown): value is Metric => METRICS.some((metric) => metric === value);

export const definitionOf = (metric: Metric): MetricDefinition => DEFINITIONS[metric];

/** Values of metrics, of which {@link DEFINITIONS} says what they are. */
export type Measures = { [metric in Metric]?: number };

/** Measures answers to examples with these labels. */
export const measure = <M extends Metric>(
  metrics: readonly M[],
  answers: readonly number[],
  labels: readonly number[],
): Record<M, number> => {
  const asked = METRICS.filter((metric) => metrics.includes(metric as M));
  const values = asked.map((metric) => [metric, definitionOf(metric).measure(answers, labels)]);
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

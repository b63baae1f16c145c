/** What a task may be judged by. All are better the larger they are. */
export const METRICS = ['accuracy', 'f1', 'matthews'] as const;
export type Metric = (typeof METRICS)[number];

/** As people read them. */
export const METRIC_TITLES: Readonly<Record<Metric, string>> = {
  accuracy: 'accuracy',
  f1: 'F1',
  matthews: 'Matthews',
};

export const isMetric = (value: unknown): value is Metric => METRICS.some((metric) => metric === value);

/** Counts of the answers to a task of two labels, label 1 being the positive one. */
interface Confusion {
  truePositive: number;
  falsePositive: number;
  trueNegative: number;
  falseNegative: number;
}

const confusion = (answers: readonly number[], labels: readonly number[]): Confusion => {
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

/** Values of metrics. */
export interface Measures {
  /** Share of the answers that are right, 0 to 1. */
  accuracy: number;
  /** F1 of label 1, 0 to 1, if it is a metric of the task; 0 if label 1 is neither among the labels nor the answers. */
  f1?: number;
  /** Matthews' correlation coefficient, −1 to 1, if it is a metric of the task; 0 if all labels or all answers are alike. */
  matthews?: number;
}

/**
 * Metrics of answers to examples with these labels. Where F1 or Matthews is undefined it is 0, as scikit-learn has it.
 */
export const measure = (
  metrics: readonly Metric[],
  answers: readonly number[],
  labels: readonly number[],
): Measures => ({
  accuracy: accuracy(answers, labels),
  ...(metrics.includes('f1') && { f1: f1(answers, labels) }),
  ...(metrics.includes('matthews') && { matthews: matthews(answers, labels) }),
});

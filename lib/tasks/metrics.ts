import { rangeError, typeError } from '../errors.ts';
import { accuracy, f1, macroF1, matthews } from '../metrics/classes.ts';
import { dropExactMatch, dropF1 } from '../metrics/drop.ts';
import { microF1, subsetAccuracy } from '../metrics/label-sets.ts';
import { meanSquaredError, pearson, spearman } from '../metrics/numbers.ts';
import { exactMatch, rougeL, tokenF1 } from '../metrics/texts.ts';
import { mean } from '../numbers/statistics.ts';
import { given, optionsOf } from '../options/calls.ts';
import { withoutOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';

/**
 * What answers are: the number of a class; a text, whose reference is a list of those that are right; a number; or the
 * numbers of the labels that an example has.
 */
interface Answers {
  classes: { prediction: number; reference: number };
  texts: { prediction: string; reference: readonly string[] };
  numbers: { prediction: number; reference: number };
  labelSets: { prediction: readonly number[]; reference: readonly number[] };
  /** What answers are worth, which takes no right one. */
  rewards: { prediction: number; reference: unknown };
}

/** What a task's answers are. */
export type AnswerKind = keyof Answers;

interface DefinitionOf<K extends AnswerKind> {
  /** Name that people read. */
  title: string;
  /** What the answers are that it compares. */
  of: K;
  /** Whether of two values the larger is the better one. */
  largerIsBetter: boolean;
  /** Value than which none is better, for `auto` to step by. Default: not known. */
  best?: number;
  /** How a value is written: a share as per cent, or the number itself. */
  format: 'percent' | 'number';
  /** Whether it takes a task of two labels, label 1 being the positive one. */
  ofTwoLabels?: boolean;
  /** Its value for answers to examples with these right answers. */
  measure(predictions: readonly Answers[K]['prediction'][], references: readonly Answers[K]['reference'][]): number;
}

/** A measure that a task may be judged by. */
export type MetricDefinition = { [K in AnswerKind]: DefinitionOf<K> }[AnswerKind];

const share = { largerIsBetter: true, best: 1, format: 'percent' } as const;
const correlation = { largerIsBetter: true, best: 1, format: 'number' } as const;

/** The metrics that are built in, in the order in which scores have them; lib/metrics says what each is. */
const BUILT_IN = {
  accuracy: { title: 'accuracy', of: 'classes', ...share, measure: accuracy },
  f1: { title: 'F1', of: 'classes', ...share, ofTwoLabels: true, measure: f1 },
  macroF1: { title: 'mean F1', of: 'classes', ...share, measure: macroF1 },
  matthews: { title: 'Matthews', of: 'classes', ...correlation, ofTwoLabels: true, measure: matthews },
  exactMatch: { title: 'exact match', of: 'texts', ...share, measure: exactMatch },
  tokenF1: { title: 'F1 of words', of: 'texts', ...share, measure: tokenF1 },
  rougeL: { title: 'ROUGE-L', of: 'texts', ...share, measure: rougeL },
  dropExactMatch: { title: 'exact match of DROP', of: 'texts', ...share, measure: dropExactMatch },
  dropF1: { title: 'F1 of DROP', of: 'texts', ...share, measure: dropF1 },
  pearson: { title: 'Pearson', of: 'numbers', ...correlation, measure: pearson },
  spearman: { title: 'Spearman', of: 'numbers', ...correlation, measure: spearman },
  meanSquaredError: {
    title: 'mean squared error',
    of: 'numbers',
    largerIsBetter: false,
    best: 0,
    format: 'number',
    measure: meanSquaredError,
  },
  microF1: { title: 'F1 of labels', of: 'labelSets', ...share, measure: microF1 },
  subsetAccuracy: { title: 'all labels right', of: 'labelSets', ...share, measure: subsetAccuracy },
  reward: { title: 'reward', of: 'rewards', largerIsBetter: true, format: 'number', measure: mean },
} satisfies Record<string, MetricDefinition>;

const definitions = new Map<string, MetricDefinition>(Object.entries(BUILT_IN));

/** What a task may be judged by. */
export type Metric = keyof typeof BUILT_IN;

/** The built-in metrics of some kind of answers, and the names of those that were registered. */
export type MetricOf<K extends AnswerKind> =
  | { [M in Metric]: (typeof BUILT_IN)[M]['of'] extends K ? M : never }[Metric]
  | (string & {});

/** The names of the metrics there are, of one kind of answers or of all. */
export const metricNames = (kind?: AnswerKind): Metric[] =>
  [...definitions].filter(([, { of }]) => kind === undefined || of === kind).map(([name]) => name as Metric);

/** What a task is judged by that does not say. */
export const DEFAULT_METRICS: readonly Metric[] = ['accuracy'];

export const isMetric = (value: unknown): value is Metric => definitions.has(value as string);

export const definitionOf = (metric: Metric): MetricDefinition => definitions.get(metric) as MetricDefinition;

const definitionParts = optionsOf<MetricDefinition>({
  title: given,
  of: given,
  largerIsBetter: given,
  best: given,
  format: given,
  ofTwoLabels: given,
  measure: given,
});

/**
 * Adds a metric of one's own, which the `metrics` of tasks may name from then on.
 *
 * @param definition its `title`; what answers it is `of`: `classes` by number, `texts` with lists of right ones, `numbers`,
 *   or `labelSets`; `largerIsBetter` and `format`; `measure`, a function of all predictions and their references;
 *   and `best`, the value than which none is better, where there is one
 * @example
 * import { loadTask, registerMetric, Tokenizer } from 'node-zest';
 * registerMetric('cost', {
 *   title: 'cost', of: 'classes', largerIsBetter: false, format: 'number',
 *   measure: (predictions, references) => predictions.filter((p, i) => p === 0 && references[i] === 1).length,
 * });
 * const tokenizer = await Tokenizer.load('film-roberta-mini');
 * const task = await loadTask({ kind: 'class', fields: ['text'], classes: 2, metrics: ['cost'] }, tokenizer);
 * console.log(task.metrics); // [ 'cost' ]
 *
 * @throws ERR_ZEST_OPTION for a name that a built-in metric has, or that is no word (of two of one name the last counts); ERR_ZEST_ARGUMENT for what is no definition
 * @function
 */
export const registerMetric = withoutOptions((name: string, definition: MetricDefinition): void => {
  if (typeof name !== 'string' || !/^[a-zA-Z]\w*$/.test(name) || ['loss', 'count'].includes(name)) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `name is ${show(name)}; expected a word for a metric, other than loss and count`,
    );
  }
  if (Object.hasOwn(BUILT_IN, name)) {
    throw rangeError('ERR_ZEST_OPTION', `name is ${show(name)}; expected one that no built-in metric has`);
  }
  const known = definitionParts((definition ?? null) as MetricDefinition, 'definition');
  const { title, of, largerIsBetter, best, format, measure } = known;
  const isWhole =
    typeof title === 'string' &&
    ['classes', 'texts', 'numbers', 'labelSets'].includes(of as string) &&
    typeof largerIsBetter === 'boolean' &&
    (best === undefined || Number.isFinite(best)) &&
    ['percent', 'number'].includes(format as string) &&
    typeof measure === 'function';
  if (!isWhole) {
    throw typeError(
      'ERR_ZEST_ARGUMENT',
      `definition is ${show(definition)}; expected { title, of, largerIsBetter, format, measure }, and best where there is one`,
    );
  }
  definitions.set(name, known);
});

/** Values of metrics, of which the documentation of tasks says what they are. */
export type Measures = { [metric in Metric]?: number };

/**
 * Measures answers to examples with these right answers, which are of the metrics' kind.
 *
 * @throws ERR_ZEST_ARGUMENT for a metric of one's own that gives no number
 */
export const measure = <M extends Metric>(
  metrics: readonly M[],
  answers: readonly unknown[],
  references: readonly unknown[],
): Record<M, number> => {
  const asked = metricNames().filter((metric) => metrics.includes(metric as M));
  const values = asked.map((metric) => {
    // A metric of one's own may sort what it is given, and the next one has to find it as it was.
    const isOwn = !Object.hasOwn(BUILT_IN, metric);
    const [these, those] = isOwn ? structuredClone([answers, references]) : [answers, references];
    const value: unknown = definitionOf(metric).measure(these as readonly never[], those as readonly never[]);
    if (typeof value === 'number') return [metric, value];
    throw typeError('ERR_ZEST_ARGUMENT', `the metric ${metric} gives ${show(value)}; expected a number`);
  });
  return Object.fromEntries(values) as Record<M, number>;
};

/**
 * Checks what metrics of one's own give for all examples: runs are compared by it.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertMeasured = <M extends string>(values: Record<M, number>): Record<M, number> => {
  for (const [metric, value] of Object.entries<number>(values)) {
    if (Number.isFinite(value) || Object.hasOwn(BUILT_IN, metric)) continue;
    throw rangeError('ERR_ZEST_ARGUMENT', `the metric ${metric} gives ${value}; expected a finite number`);
  }
  return values;
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

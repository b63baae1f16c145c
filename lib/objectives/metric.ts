import { rangeError, typeError, ZestError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { mean } from '../numbers/statistics.ts';
import type { EvaluationOptions, Objective, Point } from '../objective.ts';
import { given, optionsOf } from '../options/calls.ts';
import { withoutOptions } from '../options/no-options.ts';
import { readArgument } from '../options/reading.ts';
import { type AnswerKind, definitionOf, isMetric, type Metric, measure, metricNames } from '../tasks/metrics.ts';
import type { Example, Score, ScoredExample, Task } from '../tasks/task.ts';
import { listed, show } from '../text/show.ts';
import { derived } from './derived.ts';
import { assertModel, assertTask, checkedExamples, type Examples } from './examples.ts';
import { answeringAt, modelAt } from './model-at.ts';

/** Answers, and what was right: the numbers of labels, or texts and lists of those that are right. */
export type Answers = readonly unknown[];

/**
 * What a {@link metricObjective} learns: a metric by name; what an answer costs, `cost[label][answer]`; or a function of
 * the answers and the right ones of a batch, larger being better.
 */
export type MetricChoice =
  | Metric
  | { cost: readonly (readonly number[])[] }
  // biome-ignore lint/suspicious/noExplicitAny: what answers are is the task's business.
  | ((answers: readonly any[], references: readonly any[]) => number);

/** What a model answered to a batch. */
interface Answered {
  answers: readonly unknown[];
  references: readonly unknown[];
  score: Score;
}

/** Loss of the answers to a batch; `ofExample` where it is a mean over examples. */
interface AnswerLoss {
  ofBatch(answered: Answered): number;
  /** Default: not known. */
  lowestLoss?: number | undefined;
  ofExample?(answer: unknown, reference: unknown): number;
}

/** Metrics that are means over examples. */
const MEANS: readonly Metric[] = ['accuracy', 'exactMatch', 'tokenF1', 'rougeL'];

/** What the answers of a task are. */
const kindOf = ({ metrics }: Task): AnswerKind => definitionOf(metrics[0]!).of;

const OWN_OPTIONS = 'each example of the task has options of its own';

const ofExamples = (ofExample: Required<AnswerLoss>['ofExample'], lowestLoss: number | undefined): AnswerLoss => ({
  lowestLoss,
  ofExample,
  ofBatch: ({ answers, references }) => mean(answers.map((answer, i) => ofExample(answer, references[i]))),
});

/** Checks a matrix of costs, and gives the loss. */
const costLoss = (cost: unknown, task: Task): AnswerLoss => {
  const { names } = task;
  if (kindOf(task) !== 'classes') {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `metric is a cost, which is of classes; the task's answers are ${kindOf(task)}`,
    );
  }
  const classes = names.length;
  if (classes === 0) throw rangeError('ERR_ZEST_OPTION', `metric is a cost, which is of named labels; ${OWN_OPTIONS}`);
  const isRow = (row: unknown) => Array.isArray(row) && row.length === classes && row.every(Number.isFinite);
  if (!Array.isArray(cost) || cost.length !== classes || !cost.every(isRow)) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `cost is ${show(cost)}; expected ${classes} rows of ${classes} numbers, cost[label][answer], for ${listed(names)}`,
    );
  }
  const rows = (cost as number[][]).map((row) => [...row]);
  return ofExamples(
    (answer, label) => rows[label as number]![answer as number]!,
    Math.min(...rows.map((row) => Math.min(...row))),
  );
};

const namedLoss = (metric: Metric, task: Task): AnswerLoss => {
  const { ofTwoLabels, largerIsBetter, of, best } = definitionOf(metric);
  const kind = kindOf(task);
  if (of !== kind) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `metric is ${metric}, which is of ${of}; the task's answers are ${kind}: expected one of ${metricNames(kind).join(', ')}`,
    );
  }
  if (ofTwoLabels && task.names.length !== 2) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `metric is ${metric}, which is of two labels; ${task.names.length > 0 ? `the task has ${task.names.length}: ${listed(task.names)}` : OWN_OPTIONS}`,
    );
  }
  const signed = (value: number) => (largerIsBetter ? 0 - value : value);
  const lowestLoss = best === undefined ? undefined : signed(best);
  const own = (answers: Answers, references: Answers) => signed(measure([metric], answers, references)[metric]);
  if (MEANS.includes(metric)) return ofExamples((answer, reference) => own([answer], [reference]), lowestLoss);
  return {
    lowestLoss,
    ofBatch: ({ score, answers, references }) =>
      score[metric] === undefined ? own(answers, references) : signed(score[metric]),
  };
};

const ownLoss = (metric: (answers: readonly unknown[], references: readonly unknown[]) => number): AnswerLoss => ({
  ofBatch({ answers, references }) {
    const value: unknown = metric(structuredClone(answers), structuredClone(references));
    if (typeof value !== 'number')
      throw typeError('ERR_ZEST_ARGUMENT', `metric returned ${show(value)}; expected a number`);
    return 0 - value;
  },
});

const costOptions = optionsOf<{ cost: unknown }>({ cost: given });

const lossOf = (metric: MetricChoice, task: Task): AnswerLoss =>
  readArgument('metric', () => {
    if (typeof metric === 'function') return ownLoss(metric);
    if (isMetric(metric)) return namedLoss(metric, task);
    if (typeof metric === 'object' && metric !== null && 'cost' in metric)
      return costLoss(costOptions(metric, 'metric').cost, task);
    throw typeError(
      'ERR_ZEST_OPTION',
      `metric is ${show(metric)}; expected one of ${metricNames(kindOf(task)).join(', ')}, {cost: [[…]]} or a function`,
    );
  });

/**
 * Checks that a metric is one of a task's answers.
 *
 * @throws ERR_ZEST_OPTION
 */
export const assertMetric = (metric: MetricChoice, task: Task): void => {
  lossOf(metric, task);
};

/**
 * Makes an objective of the metric itself: the loss of a batch of examples is minus its accuracy, minus its F1, or what
 * its answers cost, none of which has a gradient. Batches are lists of examples of the task.
 *
 * Such a loss moves only where an answer turns: take a larger `rho`, batch and number of directions than with
 * cross-entropy. Accuracy and cost are means over examples, and have `sequenceLosses`.
 *
 * @example
 * import { loadTask, metricObjective, Model, Tokenizer, zest } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const examples = [{ sentence: 'a charming film', label: 1 }, { sentence: 'a dull film', label: 0 }];
 * const accuracy = metricObjective(model, task, 'accuracy');
 * await zest({ learningRate: 1e-4, rho: 1e-2, directions: 8 }).step(accuracy, examples);
 * console.log(model.version); // 1n
 *
 * @throws ERR_ZEST_OPTION for a metric that is none, or none of the task's answers; its calls reject with
 * ERR_ZEST_LOSS_NOT_FINITE naming the point, ERR_ZEST_VERSION, what a function throws, and what the task says of examples
 * @function
 */
export const metricObjective = withoutOptions((model: Model, task: Task, metric: MetricChoice): Objective<Examples> => {
  assertModel(model);
  assertTask(task);
  const loss = lossOf(metric, task);
  const { ofExample, lowestLoss } = loss;

  const answersAt = async (
    examples: readonly Example[],
    at: Point,
    { signal, directions, microBatch }: EvaluationOptions,
  ): Promise<Answered> => {
    const answers: unknown[] = [];
    const references: unknown[] = [];
    const onExample = ({ prediction, reference }: ScoredExample) => {
      answers.push(prediction);
      references.push(reference);
    };
    const batchSize = microBatch ?? examples.length;
    const score = await task.score(modelAt(model, at, { directions }), examples, { signal, batchSize, onExample });
    return { answers, references, score };
  };

  return derived(model, {
    lowestLoss,
    async evaluate(batch, points, options) {
      const examples = checkedExamples(task, batch);
      const losses = new Float64Array(points.length);
      for (const [p, point] of points.entries()) {
        losses[p] = loss.ofBatch(await answersAt(examples, point, options));
        if (Number.isFinite(losses[p])) continue;
        const message = `the loss at ${answeringAt(point)} is ${losses[p]}, of the metric; expected a finite number`;
        throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', message);
      }
      return losses;
    },
    ...(ofExample && {
      async sequenceLosses(batch: Examples, points: readonly Point[], options: EvaluationOptions) {
        const examples = checkedExamples(task, batch);
        const all: Float64Array[] = [];
        for (const point of points) {
          const { answers, references } = await answersAt(examples, point, options);
          all.push(Float64Array.from(answers, (answer, i) => ofExample(answer, references[i])));
        }
        return all;
      },
    }),
  });
});

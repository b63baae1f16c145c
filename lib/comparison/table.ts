import { type Estimate, estimateMean } from '../numbers/statistics.ts';
import { definitionOf, type Metric, metricDigits } from '../tasks/metrics.ts';
import { markdownTable } from '../text/markdown.ts';
import { experimentMetric } from './datasets.ts';
import type { ExperimentResult, ExperimentRun, MethodResult } from './result.ts';

/** What others are compared with: the same directions and forwards without a tilt. */
const REFERENCE = 'n-spsa';

const nats = (loss: number): string => loss.toFixed(4);

/** Mean ± deviation of the sample; of one value that value. */
const spread = (values: readonly number[], shown: (value: number) => string): string => {
  if (values.length === 1) return shown(values[0]!);
  const { value, standardError } = estimateMean(values);
  return `${shown(value)} ± ${shown(standardError * Math.sqrt(values.length))}`;
};

const finished = ({ runs }: MethodResult): ExperimentRun[] => runs.filter((run) => run !== null);

/** The values of a metric on the test data. */
const tested = (runs: readonly Pick<ExperimentRun, 'test'>[], metric: Metric): number[] =>
  runs.map(({ test }) => test[metric] ?? Number.NaN);

/**
 * By how much a metric of a method is above that of another, over the seeds that both finished: mean and 95 % interval.
 * `undefined` if those are fewer than two.
 */
export const metricAbove = (metric: Metric, method: MethodResult, reference: MethodResult): Estimate | undefined => {
  const differences = finished(method).flatMap((run) => {
    const other = finished(reference).find(({ seed }) => seed === run.seed);
    return other ? [(run.test[metric] ?? Number.NaN) - (other.test[metric] ?? Number.NaN)] : [];
  });
  return differences.length < 2 ? undefined : estimateMean(differences);
};

const against = (metric: Metric, method: MethodResult, reference: MethodResult | undefined): string => {
  const above = reference && reference !== method ? metricAbove(metric, method, reference) : undefined;
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${metricDigits(metric, Math.abs(value))}`;
  return above ? `${signed(above.value)} [${signed(above.low)}, ${signed(above.high)}]` : '';
};

/** How much sharper runs are, where that is measured. */
const sharpnessCell = (runs: readonly ExperimentRun[]): string => {
  const values = runs.flatMap(({ sharpness }) => sharpness ?? []);
  return values.length === 0 ? '' : spread(values, nats);
};

/** What was chosen on the validation data. */
const chosen = ({ learningRate, strength }: MethodResult): string =>
  learningRate === undefined ? `C = ${strength}` : learningRate.toExponential();

const row = (
  metric: Metric,
  method: MethodResult,
  { reference, hasSharpness }: { reference: MethodResult | undefined; hasSharpness: boolean },
): string[] => {
  const runs = finished(method);
  const rate = chosen(method);
  const failed = method.runs.length - runs.length;
  const lacking = `${failed} of ${method.runs.length} runs failed`;
  if (runs.length === 0 || (runs.length === 1 && failed > 0))
    return [method.title, rate, lacking, '', '', ...(hasSharpness ? [''] : [])];
  return [
    method.title,
    rate,
    spread(tested(runs, metric), (value) => metricDigits(metric, value)) + (failed > 0 ? `, ${lacking}` : ''),
    against(metric, method, reference),
    spread(
      runs.map(({ test }) => test.loss),
      nats,
    ),
    ...(hasSharpness ? [sharpnessCell(runs)] : []),
  ];
};

/** The result as rows of cells, titles first. */
const experimentTable = ({ name, before, methods }: ExperimentResult): string[][] => {
  const metric = experimentMetric(name);
  const reference = methods.find(({ name }) => name === REFERENCE);
  const hasSharpness = before.sharpness !== undefined;
  return [
    [
      'method',
      'learning rate',
      definitionOf(metric).title,
      'against n-SPSA',
      'loss',
      ...(hasSharpness ? ['sharpness'] : []),
    ],
    [
      'before',
      '',
      ...tested([before], metric).map((value) => metricDigits(metric, value)),
      '',
      nats(before.test.loss),
      ...(before.sharpness === undefined ? [] : [nats(before.sharpness)]),
    ],
    ...methods.map((method) => row(metric, method, { reference, hasSharpness })),
  ];
};

/** The same in Markdown. */
export const experimentMarkdown = (result: ExperimentResult): string => markdownTable(experimentTable(result));

import { estimateMean } from '../sharpness/statistics.ts';
import type { ExperimentResult, ExperimentRun, MethodResult } from './experiment.ts';

/** What others are compared with: the same directions and forwards without a tilt. */
const REFERENCE = 'n-spsa';

const percent = (share: number): string => (100 * share).toFixed(1);
const nats = (loss: number): string => loss.toFixed(4);

const spread = (values: readonly number[], shown: (value: number) => string): string => {
  const { value, standardError } = estimateMean(values);
  return `${shown(value)} ± ${shown(standardError * Math.sqrt(values.length))}`;
};

/** Differences of paired runs: mean and 95 % interval, which is Student's. */
const against = (runs: readonly ExperimentRun[], reference: readonly ExperimentRun[]): string => {
  const differences = runs.flatMap(({ seed, test }) => {
    const other = reference.find((run) => run.seed === seed);
    return other ? [test.accuracy - other.test.accuracy] : [];
  });
  if (differences.length < 2) return '';
  const { value, low, high } = estimateMean(differences);
  const signed = (share: number) => `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;
  return `${signed(value)} [${signed(low)}, ${signed(high)}]`;
};

const finished = ({ runs }: MethodResult): ExperimentRun[] => runs.filter((run) => run !== null);

const row = (method: MethodResult, reference: MethodResult | undefined): string[] => {
  const runs = finished(method);
  const rate = method.learningRate.toExponential();
  if (runs.length < 2) return [method.title, rate, `${method.runs.length - runs.length} runs failed`, '', '', ''];
  return [
    method.title,
    rate,
    spread(
      runs.map(({ test }) => test.accuracy),
      percent,
    ),
    reference && reference !== method ? against(runs, finished(reference)) : '',
    spread(
      runs.map(({ test }) => test.loss),
      nats,
    ),
    spread(
      runs.map(({ sharpness }) => sharpness),
      nats,
    ),
  ];
};

/** The result as rows of cells, titles first. */
export const experimentTable = ({ before, methods }: ExperimentResult): string[][] => {
  const reference = methods.find(({ name }) => name === REFERENCE);
  return [
    ['method', 'learning rate', 'accuracy', 'against n-SPSA', 'loss', 'sharpness'],
    ['before', '', percent(before.test.accuracy), '', nats(before.test.loss), nats(before.sharpness)],
    ...methods.map((method) => row(method, reference)),
  ];
};

/** The same in Markdown. */
export const experimentMarkdown = (result: ExperimentResult): string => {
  const [titles = [], ...rows] = experimentTable(result);
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
};

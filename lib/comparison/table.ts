import { markdownTable } from '../markdown.ts';
import { type Estimate, estimateMean } from '../statistics.ts';
import type { ExperimentResult, ExperimentRun, MethodResult } from './compare.ts';

/** What others are compared with: the same directions and forwards without a tilt. */
const REFERENCE = 'n-spsa';

const percent = (share: number): string => (100 * share).toFixed(1);
const nats = (loss: number): string => loss.toFixed(4);

const spread = (values: readonly number[], shown: (value: number) => string): string => {
  const { value, standardError } = estimateMean(values);
  return `${shown(value)} ± ${shown(standardError * Math.sqrt(values.length))}`;
};

const finished = ({ runs }: MethodResult): ExperimentRun[] => runs.filter((run) => run !== null);

/**
 * By how much the accuracy of a method is above that of another, over the seeds that both finished: mean and 95 %
 * interval. `undefined` if those are fewer than two.
 */
export const accuracyAbove = (method: MethodResult, reference: MethodResult): Estimate | undefined => {
  const differences = finished(method).flatMap(({ seed, test }) => {
    const other = finished(reference).find((run) => run.seed === seed);
    return other ? [test.accuracy - other.test.accuracy] : [];
  });
  return differences.length < 2 ? undefined : estimateMean(differences);
};

const signed = (share: number): string => `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;

const against = (method: MethodResult, reference: MethodResult | undefined): string => {
  const above = reference && reference !== method ? accuracyAbove(method, reference) : undefined;
  return above ? `${signed(above.value)} [${signed(above.low)}, ${signed(above.high)}]` : '';
};

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
    against(method, reference),
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
export const experimentMarkdown = (result: ExperimentResult): string => markdownTable(experimentTable(result));

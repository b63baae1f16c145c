import { type FoundLearningRate, findLearningRate } from '../../training/find-learning-rate.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { count, percent, printJson, printLine, table } from '../terminal/output.ts';

const brief = (value: number): string => value.toExponential(1);

const lines = (found: FoundLearningRate): string => {
  const { learningRate, loss, stepRate, stepShare, runShare, scheduledSteps, measuredSteps, measured } = found;
  const rows = measured.map((at) => [brief(at.learningRate), brief(at.gain), brief(at.cost), percent(at.cost / loss)]);
  return [
    `a step from the start, mean of ${measuredSteps} on other batches than made it; the loss there is ${loss.toFixed(4)}:`,
    table([['learning rate', 'gain', 'cost', 'of the loss'], ...rows], 0),
    `a step costs ${percent(stepShare)} of the loss at ${brief(stepRate)}, and the cost goes with the square of the rate;`,
    `all steps of the run (${scheduledSteps.toFixed(1)} by the squares of their schedule) may cost ${percent(runShare)} together.`,
    `${count(found.forwards)} forwards`,
    `learningRate: ${brief(learningRate)}`,
  ].join('\n');
};

/** `zest train --find-learning-rate` */
export const findLearningRateCommand = async (
  path: string,
  options: { set: string[]; json?: boolean },
): Promise<void> => {
  const found = await findLearningRate(path, { overrides: options.set, signal: stopSignal() });
  if (options.json) printJson({ kind: 'learningRate', ...found });
  printLine(lines(found));
};

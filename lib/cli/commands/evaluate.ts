import { evaluate } from '../../training/evaluate.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { count, metricsText, printJson, printLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

/** `zest evaluate` */
export const evaluateCommand = async (path: string, options: { set: string[]; json?: boolean }): Promise<void> => {
  const progress = await progressDisplay();
  try {
    const events = evaluate(path, {
      overrides: options.set,
      signal: stopSignal(),
      onProgress: ({ stage, done, total }) => progress.update({ label: stage, done, total }),
    });
    for await (const event of events) {
      progress.clear();
      if (options.json) printJson(event);
      const { split, step, loss } = event;
      const scored = `${split}: ${metricsText(event)}, loss ${loss.toFixed(4)}, ${count(event.count)} examples`;
      printLine(step > 0 ? `${scored}, weights of step ${count(step)}` : `${scored}, the model as it came`);
    }
  } finally {
    progress.clear();
  }
};

import { type CommandDefinition, type ConfigOptions, configOptions } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { count, lineWidth, metricsText, printJson, printLine, warningLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';
import { reportText } from '../terminal/task-report.ts';

export const command: CommandDefinition = {
  argument: 'YAML or JSON file, or the folder of a run',
  options: configOptions,
  async action(path: string, options: ConfigOptions) {
    const { evaluate } = await import('../../training/evaluate.ts');
    const progress = progressDisplay();
    const events = evaluate(path, {
      overrides: options.set,
      signal: stopSignal(),
      onWarning: (warning) => {
        if (options.json) printJson({ kind: 'warning', ...warning });
        printLine(warningLine(warning, `${path}: `));
      },
      onProgress: ({ stage, done, total }) => progress({ label: stage, done, total }),
    });
    for await (const event of events) {
      if (options.json) printJson(event);
      const { split, step, loss, report } = event;
      const scored = `${split}: ${metricsText(event)}, loss ${loss.toFixed(4)}, ${count(event.count)} examples`;
      printLine(step > 0 ? `${scored}, weights of step ${count(step)}` : `${scored}, the model as it came`);
      printLine(`\n${reportText(report, lineWidth())}\n`);
    }
  },
};

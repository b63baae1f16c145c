import { Option } from 'commander';
import { ZestError } from '../../errors.ts';
import type { Progress, Warning } from '../../runs/events.ts';
import type { TaskSpec } from '../../tasks/kinds.ts';
import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, type ConfigOptions, configOptions, counting, repeated } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { counted, lineWidth, metricsText, printJson, printLine, warningLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';
import { reportText } from '../terminal/task-report.ts';

interface EvaluateCommandOptions extends ConfigOptions {
  task?: string;
  data?: string[];
  demonstrations?: number;
  from?: string[];
}

/** Options that tell what a configuration would: all of them or none. */
const ofModel = async ({ task, data, demonstrations, from }: EvaluateCommandOptions) => {
  if (task === undefined && data === undefined && demonstrations === undefined && from === undefined) return undefined;
  if (task === undefined || data === undefined) {
    const missing = task === undefined ? '--task' : '--data';
    const message = `${missing} is missing; expected --task and --data with a model, and neither with a configuration or a run, whose keys --set changes`;
    throw new ZestError('ERR_ZEST_OPTION', message);
  }
  if (from !== undefined && demonstrations === undefined) {
    throw new ZestError(
      'ERR_ZEST_OPTION',
      '--from is what demonstrations are drawn from; expected --demonstrations, too',
    );
  }
  const { parseValue } = await import('../../training/config.ts');
  return {
    task: task.trimStart().startsWith('{') ? (parseValue(task, '--task') as TaskSpec) : task,
    data,
    demonstrations,
    demonstrationsFrom: from,
  };
};

export const command: CommandDefinition = {
  argument: 'YAML or JSON file, or the folder of a run; with --task, a model as it came',
  options: [
    new Option('--task <name>', 'of a model: a built-in task, or one of your own, {kind: choice, prompt: …}'),
    repeated('--data <file>', 'of a model: the examples to score; may be repeated'),
    counting('--demonstrations <n>', 'of a model: examples with their answers before every prompt (default: none)'),
    repeated('--from <file>', 'what those are drawn from (default: --data, and they are not scored)'),
    ...configOptions,
  ],
  async action(path: string, options: EvaluateCommandOptions) {
    const { evaluate, evaluateModel } = await import('../../training/evaluate.ts');
    const progress = progressDisplay();
    const asked = await ofModel(options);
    const calls = {
      overrides: options.set,
      signal: stopSignal(),
      onWarning: (warning: Warning) => {
        if (options.json) printJson({ kind: 'warning', ...warning });
        printLine(warningLine(warning, `${path}: `));
      },
      onProgress: ({ stage, done, total }: Progress) => progress({ label: stage, done, total }),
    };
    const events = asked ? evaluateModel(path, { ...asked, ...calls }) : evaluate(path, calls);
    for await (const event of events) {
      if (options.json) printJson(event);
      const { split, step, loss, report } = event;
      const scored = `${split}: ${metricsText(event)}, loss ${loss.toFixed(4)}, ${counted(event.count, 'example')}`;
      printLine(step > 0 ? `${scored}, weights of step ${formatCount(step)}` : `${scored}, the model as it came`);
      printLine(`\n${reportText(report, lineWidth())}\n`);
    }
  },
};

import { Option } from 'commander';
import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, type ConfigOptions, configOptions, counting } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { megabytes, printJson, printLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

interface ApplyLogCommandOptions extends ConfigOptions {
  toStep?: number;
  output: string;
}

export const command: CommandDefinition = {
  argument: ['the model that the log is of: a folder, a GGUF file, or a name', 'what export-log wrote'],
  options: [
    ...configOptions,
    new Option('--output <folder>', 'write the weights there, as a model folder').makeOptionMandatory(),
    counting('--to-step <n>', 'the step whose weights are wanted (default: the last)'),
  ],
  async action(base: string, file: string, { toStep, output, set: overrides, json }: ApplyLogCommandOptions) {
    const { applyLog } = await import('../../training/replay-run.ts');
    const { assertNoOtherWeights } = await import('../../model/save.ts');
    await assertNoOtherWeights(output, 'merged'); // before the work
    const progress = progressDisplay();
    const { model, step } = await applyLog(base, file, {
      toStep,
      overrides,
      signal: stopSignal(),
      onProgress: ({ done, total }) => progress({ label: 'reading', done, total, detail: megabytes(done) }),
    });
    try {
      await model.save(output);
      const digest = await model.digest();
      if (json) printJson({ kind: 'applied', output, step, digest });
      printLine(`${output}: the weights of step ${formatCount(step)}, ${digest}`);
    } finally {
      model.dispose();
    }
  },
};

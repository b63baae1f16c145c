import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, counting, jsonLines } from '../command.ts';
import { printJson, printLine, sayTorn } from '../terminal/output.ts';

export const command: CommandDefinition = {
  argument: ['the folder of a run', 'the file to write'],
  options: [counting('--to-step <n>', 'the last step of it (default: that of the run)'), jsonLines],
  async action(path: string, file: string, { toStep, json }: { toStep?: number; json?: boolean }) {
    const { exportLog } = await import('../../training/replay-run.ts');
    const { steps, bytes, tornBytes } = await exportLog(path, file, { toStep });
    if (json) printJson({ kind: 'exported', output: file, steps, bytes, tornBytes });
    printLine(`${file}: ${formatCount(steps)} steps, ${formatCount(bytes)} bytes`);
    if (toStep === undefined) sayTorn(path, tornBytes);
  },
};

import { Option } from 'commander';
import { writeAtomic } from '../../files.ts';
import type { CommandDefinition } from '../command.ts';
import { printJson, printLine } from '../terminal/output.ts';

export const command: CommandDefinition = {
  argument: 'folders of runs, finished or not',
  options: [
    new Option('--output <file>', 'the page; replaced if it is there').default('report.html'),
    new Option('--json', 'print what the page says of each run, one JSON object a line on stdout'),
  ],
  async action(runs: readonly string[], options: { output: string; json?: boolean }) {
    const { report } = await import('../../report/report.ts');
    const { html, runs: overviews, files } = await report(runs);
    await writeAtomic(options.output, html);
    for (const overview of overviews) {
      if (options.json) printJson(overview);
      for (const note of overview.notes) printLine(`${overview.path}: ${note}`);
    }
    for (const file of files) printLine(`${file} is left out: it is a file, and a run is a folder`);
    printLine(`${overviews.length === 1 ? '1 run' : `${overviews.length} runs`} in ${options.output}`);
  },
};

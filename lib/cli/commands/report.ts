import { Option } from 'commander';
import { rangeError } from '../../errors.ts';
import { assertWritableFile, writeAtomic } from '../../files/files.ts';
import { assertNoPart } from '../../runs/folder.ts';
import type { CommandDefinition } from '../command.ts';
import { printJson, printLine, printText } from '../terminal/output.ts';

export const command: CommandDefinition = {
  argument: 'folders of runs, finished or not',
  options: [
    new Option('--output <file>', 'the page; replaced if it is there; - is stdout').default('report.html'),
    new Option('--json', 'print what the page says of each run, one JSON object a line on stdout'),
  ],
  async action(runs: readonly string[], options: { output: string; json?: boolean }) {
    const toStdout = options.output === '-';
    if (toStdout && options.json) {
      throw rangeError('ERR_ZEST_OPTION', '--output is - and --json is there; expected one of them, for one stdout');
    }
    if (!toStdout) {
      await assertWritableFile(options.output);
      await assertNoPart(options.output);
    }
    const { report } = await import('../../report/report.ts');
    const { html, runs: overviews, files } = await report(runs);
    if (toStdout) printText(html);
    else await writeAtomic(options.output, html);
    for (const overview of overviews) {
      if (options.json) printJson(overview);
      for (const note of overview.notes) printLine(`${overview.path}: ${note}`);
    }
    for (const file of files) printLine(`${file} is left out: it is a file, and a run is a folder`);
    printLine(
      `${overviews.length === 1 ? '1 run' : `${overviews.length} runs`} in ${toStdout ? 'the page on stdout' : options.output}`,
    );
  },
};

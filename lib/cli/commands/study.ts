import { join } from 'node:path';
import { Option } from 'commander';
import { assertWritable, makeFolder, writeAtomic, writing } from '../../files/files.ts';
import type { StudyOptions } from '../../studies/study.ts';
import { type CommandDefinition, counting, jsonLines } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { printJson, printLine, printOut, table } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

type StudyCommandOptions = Pick<StudyOptions, 'seed' | 'quick' | 'size'> & { output?: string; json?: boolean };

export const command: CommandDefinition = {
  argument: 'none: list the names',
  options: [
    counting('--seed <n>', 'of all that is drawn', 0),
    new Option('--quick', 'fewer repeats: seconds instead of minutes'),
    counting('--size <n>', 'directions of estimators-model (default: 100000), seeds of flatness (3)'),
    new Option('--output <folder>', 'for study.json and study.html; default: runs/studies/NAME'),
    jsonLines,
  ],
  async action(name: string | undefined, { seed, quick, size, json, output }: StudyCommandOptions) {
    const { STUDIES, describeStudy, runStudy } = await import('../../studies/registry.ts');
    if (name === undefined) {
      for (const known of STUDIES) printOut(known);
      return;
    }
    const { title, question } = describeStudy(name);
    const folder = output ?? join('runs', 'studies', name);
    await assertWritable(folder);
    // Before minutes of work that could not be kept: some folders refuse only what is made in them.
    await writing(folder, makeFolder(folder));
    printLine(`${title}: ${question}`);
    const progress = progressDisplay();
    const result = await runStudy(name, {
      seed,
      quick,
      size,
      signal: stopSignal(),
      onProgress: (done, total) => progress({ label: name, done, total }),
    });
    if (json) printJson(result);
    const { cellText, studyPage } = await import('../../report/study-page.ts');
    for (const { caption, columns, rows } of result.tables)
      printLine(`\n${caption}\n${table([[...columns], ...rows.map((row) => row.map(cellText))], 1)}`);
    printLine(`\n${result.findings.join('\n')}`);
    await writeAtomic(join(folder, 'study.json'), `${JSON.stringify(result)}\n`);
    await writeAtomic(join(folder, 'study.html'), await studyPage(result));
    printLine(`written to ${folder}: study.json and study.html`);
  },
};

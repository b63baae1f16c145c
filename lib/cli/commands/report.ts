import { writeAtomic } from '../../files.ts';
import { report } from '../../report/report.ts';
import { printJson, printLine } from '../terminal/output.ts';

/** `zest report` */
export const reportCommand = async (
  runs: readonly string[],
  options: { output: string; json?: boolean },
): Promise<void> => {
  const { html, runs: overviews, files } = await report(runs);
  await writeAtomic(options.output, html);
  for (const overview of overviews) {
    if (options.json) printJson(overview);
    for (const note of overview.notes) printLine(`${overview.path}: ${note}`);
  }
  for (const file of files) printLine(`${file} is left out: it is a file, and a run is a folder`);
  printLine(`${overviews.length === 1 ? '1 run' : `${overviews.length} runs`} in ${options.output}`);
};

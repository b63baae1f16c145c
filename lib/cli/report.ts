import { report } from '../report/report.ts';
import { writeAtomic } from '../training/files.ts';
import { printJson, printLine } from './output.ts';

/** `zest report` */
export const reportCommand = async (
  runs: readonly string[],
  options: { output: string; json?: boolean },
): Promise<void> => {
  const { html, runs: overviews } = await report(runs);
  await writeAtomic(options.output, html);
  for (const overview of overviews) {
    if (options.json) printJson(overview);
    for (const note of overview.notes) printLine(`${overview.path}: ${note}`);
  }
  printLine(`${overviews.length === 1 ? '1 run' : `${overviews.length} runs`} in ${options.output}`);
};

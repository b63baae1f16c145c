import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printLine, warningLine } from './terminal/output.ts';

/** The model that a path names: a folder or a GGUF file as it is, or what a run kept. */
export const modelOf = async (path: string): Promise<string> => {
  const { heldRun } = await import('../runs/replacement.ts');
  const { trajectory, summary } = await heldRun(path);
  const isModel = existsSync(join(path, 'config.json'));
  if (isModel) return path;
  if (![trajectory, summary].some(existsSync)) {
    const { somethingElse } = await import('../text/what-is.ts');
    const other = somethingElse(path, 'model');
    if (other === undefined) return path;
    const { ZestError } = await import('../errors.ts');
    throw new ZestError('ERR_ZEST_FILE', `${path} ${other}`);
  }
  const { findRun } = await import('../training/open-run.ts');
  const { kept, config, warnings } = await findRun(path);
  for (const warning of warnings) printLine(warningLine(warning, `${path}: `));
  return kept?.folder ?? config.model;
};

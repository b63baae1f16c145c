import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The model that a path names: a folder or a GGUF file as it is, or what a run kept. */
export const modelOf = async (path: string): Promise<string> => {
  const { runFolder } = await import('../runs/folder.ts');
  const { trajectory, summary } = runFolder(path);
  const isModel = existsSync(join(path, 'config.json'));
  if (isModel || ![trajectory, summary].some(existsSync)) return path;
  const { findRun } = await import('../training/open-run.ts');
  const { kept, config } = await findRun(path);
  return kept?.folder ?? config.model;
};

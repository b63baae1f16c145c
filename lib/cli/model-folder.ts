import { existsSync } from 'node:fs';

/** The model that a path names: a folder or a GGUF file as it is, or what a run kept. */
export const modelOf = async (path: string): Promise<string> => {
  const { runFolder } = await import('../runs/folder.ts');
  if (!existsSync(runFolder(path).summary)) return path;
  const { findRun } = await import('../training/open-run.ts');
  const { kept, config } = await findRun(path);
  return kept?.folder ?? config.model;
};

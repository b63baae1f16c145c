import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program on the PATH of this process. Throws if there is none. */
export const findProgram = (name: string): string => {
  const folder = (process.env.PATH ?? '').split(delimiter).find((candidate) => existsSync(join(candidate, name)));
  if (!folder) throw new Error(`${name} is not on the PATH`);
  return join(folder, name);
};

/** Links programs of this system into a folder, for a PATH that has them and no others. */
export const linkPrograms = (names: readonly string[], folder: string): void => {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    if (!existsSync(join(folder, name))) symlinkSync(findProgram(name), join(folder, name));
  }
};

import { execFileSync } from 'node:child_process';

/** The scripts of this folder and the command line run what lib/ compiles to. */
export const setup = (): void => {
  execFileSync(process.execPath, ['npm/compile.mjs'], { stdio: 'inherit' });
};

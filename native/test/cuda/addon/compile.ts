import { execFileSync } from 'node:child_process';

/** The scripts of this folder and the command line run what lib/ compiles to. */
export const setup = (): void => {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
};

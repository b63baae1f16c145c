import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ZestError } from '../errors.ts';

const EXIT_FAILED = 1;

/** `zest build [--cuda]`: compiles the addon in place, as native/build.mjs does; its messages go to this terminal. */
export const buildCommand = async ({ cuda = false }: { cuda?: boolean }): Promise<void> => {
  const script = fileURLToPath(new URL('../../native/build.mjs', import.meta.url));
  if (!existsSync(script)) {
    throw new ZestError('ERR_ZEST_FILE', `${script} is not there; the package was installed without its sources`);
  }
  const { status } = spawnSync(process.execPath, [script, ...(cuda ? ['--cuda'] : [])], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = EXIT_FAILED;
};

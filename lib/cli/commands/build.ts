import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ZestError } from '../../errors.ts';
import { EXIT_FAILED } from '../terminal/failure.ts';

/** `zest build [--cuda] [--output FOLDER]`: compiles the addon, by native/build.mjs; its messages go to this terminal. */
export const buildCommand = async ({ cuda = false, output }: { cuda?: boolean; output?: string }): Promise<void> => {
  const script = fileURLToPath(new URL('../../../native/build.mjs', import.meta.url));
  if (!existsSync(script)) {
    throw new ZestError('ERR_ZEST_FILE', `${script} is not there; the package was installed without its sources`);
  }
  const options = ['--direct', ...(cuda ? ['--cuda'] : []), ...(output === undefined ? [] : ['--output', output])];
  const { status } = spawnSync(process.execPath, [script, ...options], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = EXIT_FAILED;
};

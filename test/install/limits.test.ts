import { expect, it } from 'vitest';
import { firstRows } from './clients.ts';
import { limitMemory } from './memory-limit.ts';
import { testProject } from './project.ts';

const MEBIBYTE = 2 ** 20;
const MOST_MEBIBYTES = 256;

const possible = limitMemory(MOST_MEBIBYTES * MEBIBYTE);
possible?.remove();
if (!possible) console.log('skipped: limiting memory needs root, and a cgroup for memory that can be written to');

it.skipIf(!possible)('the demo runs with one CPU and 256 MB', async () => {
  const project = testProject(firstRows()[0]!);
  await project.run('npm install node-zest');
  const within = async (command: string, succeeds: boolean) => {
    const limit = limitMemory(MOST_MEBIBYTES * MEBIBYTE)!;
    try {
      const ended = await project.run(command, { through: limit.through, succeeds });
      return { ...ended, mebibytes: limit.mostBytes() / MEBIBYTE };
    } finally {
      limit.remove();
    }
  };
  const { status } = await within('node hoard.cjs', false);
  expect(status, 'what takes more is ended').toBe('SIGKILL');
  const { output, errors, mebibytes } = await within('node node_modules/node-zest/dist/cli/main.js demo', true);
  expect(output + errors).toMatch(/on average MeZO .*ZEST .* points/);
  console.log(`the demo took ${Math.round(mebibytes)} MiB at most`);
});

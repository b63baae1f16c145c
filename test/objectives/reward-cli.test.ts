import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { scratchFolder } from '../fixtures/scratch.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = scratchFolder();

beforeAll(async () => {
  await writeFile(join(folder, 'texts.jsonl'), '{"sentence":"a film"}\n{"sentence":"dull"}\n');
  await writeFile(join(folder, 'never.mjs'), 'console.error("asked");\nexport default () => new Promise(() => {});\n');
  await writeFile(join(folder, 'syntax.mjs'), '\nexport default () => (;\n');
});

/** How a run with a reward ends, which gets a signal a while after a word on stderr. */
const ended = async (reward: string, { interruptAfter }: { interruptAfter?: string } = {}) => {
  const config = join(folder, `${reward}.yaml`);
  const optimizer = { method: 'mezo', learningRate: 1e-4 };
  const data = { train: join(folder, 'texts.jsonl') };
  const objective = { reward: join(folder, reward) };
  const output = join(folder, `${reward}-run`);
  await writeFile(
    config,
    JSON.stringify({ model: 'film-roberta-mini', task: 'sst2', objective, data, optimizer, output }),
  );
  const child = spawn(process.execPath, [main, 'train', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    if (interruptAfter === undefined || !stderr.includes(interruptAfter)) return;
    setTimeout(() => child.kill('SIGINT'), 1000);
    interruptAfter = undefined;
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  return { status, stderr };
};

describe('a reward on the command line', () => {
  it('that never settles is waited for, and left behind at Ctrl-C', async () => {
    expect((await ended('never.mjs', { interruptAfter: 'asked' })).status).toBe(130);
  });

  it('that is no JavaScript is said with its line', async () => {
    const { status, stderr } = await ended('syntax.mjs');
    expect(stderr).toMatch(
      /^error: objective\.reward: .*syntax\.mjs cannot be used: line 2: SyntaxError: .* \(ERR_ZEST_CONFIG\)$/m,
    );
    expect(status).toBe(2);
  });
});

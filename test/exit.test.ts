import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ended as run } from './exit/ended.ts';

// What only a process of its own can show: how it ends, and what it leaves.

beforeAll(() => {
  expect(existsSync(new URL('../dist/index.js', import.meta.url)), 'dist is missing: npm run build').toBe(true);
});

describe('a process', () => {
  it('ends by itself when its engines are idle', async () => {
    expect(await run('exit/idle.mjs')).toMatchObject({ status: 0, output: 'done\n', errors: '' });
  });

  it('lives until its calls are done', async () => {
    expect(await run('exit/pending.mjs')).toMatchObject({ status: 0, output: 'done\n', errors: '' });
  });

  it.each([
    ['exit', 7],
    ['load', 7],
    ['throw', 1],
    ['interrupt', 'SIGINT'],
    ['dispose', 0],
  ])('in the middle of steps ends by %s as it should, and soon', async (how, status) => {
    for (let round = 0; round < 3; round++) {
      const ended = await run('exit/mid-step.mjs', [how]);
      expect(ended).toMatchObject({ status, output: 'ending\n' });
      expect(ended.errors).toMatch(how === 'throw' ? /on purpose/ : /^$/);
      expect(ended.ending).toBeLessThan(10_000);
    }
  });

  it.runIf(existsSync('/proc/self/task'))(
    'gets back the threads and the memory of models that it forgets',
    async () => {
      const { status, output, errors } = await run('exit/collect.mjs');
      expect({ status, errors }).toEqual({ status: 0, errors: '' });
      const grown = JSON.parse(output);
      expect(grown.threads).toBe(0);
      // Fifty models of 14 MB.
      expect(grown.bytes).toBeLessThan(100e6);
    },
  );
});

describe('a worker thread', () => {
  it('may be ended in the middle of a step', async () => {
    const { status, output, errors } = await run('worker/terminate.mjs');
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    const { digests, slowest } = JSON.parse(output);
    expect(digests).toBe(1);
    expect(slowest).toBeLessThan(10_000);
  });

  it('may be in the middle of a step when the main thread exits', async () => {
    expect(await run('worker/exit-main.mjs')).toMatchObject({ status: 7, errors: '' });
  });
});

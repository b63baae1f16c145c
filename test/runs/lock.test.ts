import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderUnlocked, lockFolder } from '../../lib/runs/lock.ts';
import { train } from '../../lib/training/train.ts';
import { readSummary, reviewConfig, reviewFolder, run } from '../training/runs.ts';

const BUILT = fileURLToPath(new URL('../../dist/runs/lock.js', import.meta.url));
const never = new AbortController().signal;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zest-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A process that tries for the lock of a folder, and keeps it: a handle that nobody holds is closed. */
const holder = async (path: string) => {
  const code = `(await import(${JSON.stringify(BUILT)})).lockFolder(${JSON.stringify(path)})
    .then((lock) => { globalThis.lock = lock; process.send('locked'); }, ({ code }) => process.send(code));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [said] = await once(child, 'message');
  return { child, said };
};

describe('the lock of a folder', () => {
  it('is one at a time in a process, and free once closed', async () => {
    const path = join(folder, 'made', 'on', 'demand');
    const first = await lockFolder(path);
    await expect(lockFolder(path)).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: `${path} is being written to by another run; wait for its end, or name another output`,
    });
    const inside = await lockFolder(join(path, 'inside'));
    await inside.close();
    await first.close();
    await (await lockFolder(path)).close();
  });

  it('is waited for where it is free in a moment, as after a reader has looked', async () => {
    const path = join(folder, 'momentary');
    const first = await lockFolder(path);
    let isOurs = false;
    const second = lockFolder(path).finally(() => {
      isOurs = true;
    });
    await delay(150);
    expect(isOurs).toBe(false);
    await first.close();
    await (await second).close();
  });

  it('is one at a time among processes, and goes with the process that has it', async () => {
    const path = join(folder, 'processes');
    const first = await holder(path);
    expect(first.said).toBe('locked');
    await expect(lockFolder(path)).rejects.toMatchObject({ code: 'ERR_ZEST_RUN' });
    let waited = false;
    const unlocked = folderUnlocked(path, never).then(() => {
      waited = true;
    });
    const second = await holder(path);
    expect(second.said).toBe('ERR_ZEST_RUN');
    expect(waited).toBe(false);
    first.child.kill('SIGKILL');
    await unlocked;
    await (await lockFolder(path)).close();
    second.child.kill('SIGKILL');
  });

  it('is waited for until the signal aborts', async () => {
    const path = join(folder, 'waiting');
    const lock = await lockFolder(path);
    const controller = new AbortController();
    let isOver = false;
    const waiting = folderUnlocked(path, controller.signal).then(() => {
      isOver = true;
    });
    await delay(50);
    expect(isOver).toBe(false);
    controller.abort();
    await waiting;
    await lock.close();
  });
});

describe('two runs in a folder', () => {
  it('are refused while the first goes on, also with overwrite, and do not disturb it', async () => {
    const reviews = await reviewFolder();
    const config = reviewConfig(reviews, 'shared');
    const refused: unknown[] = [];
    for await (const { kind } of train(config))
      if (kind === 'step') refused.push(await run(config, { overwrite: true }).catch(({ code }) => code));
    expect(refused).toEqual(new Array(6).fill('ERR_ZEST_RUN'));
    const alone = reviewConfig(reviews, 'alone');
    await run(alone);
    expect((await readSummary(config.output)).digest).toBe((await readSummary(alone.output)).digest);
    const lines = (await readFile(join(config.output, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.filter((line) => JSON.parse(line).kind === 'step')).toHaveLength(6);
    await run(config, { overwrite: true });
    await rm(reviews, { recursive: true });
  });
});

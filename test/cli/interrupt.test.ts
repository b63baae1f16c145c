import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { film } from '../fixtures/film.ts';
import { HubServer } from '../hub/server.ts';
import { reviewConfig, reviewFolder } from '../training/runs.ts';
import { type Running, start } from './zest.ts';

const INTERRUPT = new URL('../../dist/cli/terminal/interrupt.js', import.meta.url);

/** A command that goes on after it is told to stop. */
const STUBBORN = `
  import { stopSignal } from ${JSON.stringify(INTERRUPT.href)};
  stopSignal().addEventListener('abort', () => console.log('stopping'));
  setInterval(() => {}, 1000);
  console.log('ready');
`;

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s', (signal, status) => {
  it('asks the command to stop, and ends it the second time', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', STUBBORN]);
    const line = async () => String((await once(child.stdout, 'data'))[0]);
    expect(await line()).toBe('ready\n');
    child.kill(signal);
    expect(await line()).toBe('stopping\n');
    expect(child.exitCode).toBeNull();
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([status, null]);
  });
});

describe('zest train, while it loads what it needs', () => {
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = await reviewFolder();
    file = join(folder, 'run.yaml');
    await writeFile(file, stringify(reviewConfig(folder, 'run')));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const train = (key: string, value: string, endpoint = ''): Running =>
    start(['train', file, '--set', `${key}=${value}`], {
      HF_ENDPOINT: endpoint,
      HF_HUB_OFFLINE: '',
      HF_HUB_CACHE: '',
      HF_HOME: join(folder, 'home'),
    });

  const expectStopped = async ({ child, finished }: Running): Promise<void> => {
    child.kill('SIGINT');
    const { status, stderr } = await finished;
    expect(stderr).toMatch(/^interrupted; once more ends it at once\nstopped before the run began$/m);
    expect(stderr).not.toContain('error');
    expect(status).toBe(130);
  };

  /** Waits for a request of a server, and stops what made it. */
  const stoppedAt = async (answer: (response: ServerResponse) => void, key: string, value: string): Promise<void> => {
    let asked = () => {};
    const request = new Promise<void>((done) => {
      asked = done;
    });
    const listener: RequestListener = (_, response) => {
      answer(response);
      asked();
    };
    const server = createServer(listener).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const running = train(key, value, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      await request;
      await expectStopped(running);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  const SOURCES = [
    ['model', 'org/model'],
    ['adapter', 'org/adapter'],
    ['data.train', 'hf://datasets/org/rows/train.jsonl'],
    ['data.test', 'hf://datasets/org/rows/test.jsonl'],
  ] as const;

  it.each(SOURCES)('stops at once though the hub does not answer for its %s', async (key, value) => {
    await stoppedAt(() => {}, key, value);
  });

  it('stops at once though a list of files does not come to its end', async () => {
    await stoppedAt((response) => response.write('{"sha": "'), 'model', 'org/model');
  });

  it.each([
    ['model', 'org/film', 'model', 'tokenizer.json', readFileSync(join(film, 'tokenizer.json'))],
    ['data.train', 'hf://datasets/org/rows/train.jsonl', 'dataset', 'train.jsonl', '{"text": "a"}\n'.repeat(1000)],
  ] as const)('stops at once within a file of its %s', async (key, value, kind, path, content) => {
    const server = new HubServer();
    server.slowness = 20;
    const id = kind === 'model' ? value : 'org/rows';
    // A model is known by its weights.
    const weights: Record<string, string> = kind === 'model' ? { 'model.safetensors': 'weights' } : {};
    server.repositories.push({ kind, id, files: { [path]: content, ...weights } });
    try {
      const running = train(key, value, await server.start());
      while (server.downloads.length === 0) await delay(5);
      await expectStopped(running);
    } finally {
      await server.stop();
    }
  });
});

import { fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** Answers come in the order of requests. `failed` is a promise that only rejects. */
const requests = (name, send, failed) => {
  const waiting = [];
  failed.catch(() => {}); // said by the request that waits, if one does
  return {
    receive: (reply) => waiting.shift()(reply),
    request: async (op, args = {}) => {
      const answer = new Promise((resolve) => waiting.push(resolve));
      send({ op, ...args });
      const reply = await Promise.race([answer, failed]);
      if (reply.error) throw new Error(`${name}: ${reply.error}`);
      return reply;
    },
  };
};

const ending = (name, child) => {
  let ended;
  const failed = new Promise((_, reject) => {
    child.once('error', reject);
    ended = new Promise((resolve) => child.once('exit', resolve));
    ended.then((status) => reject(new Error(`${name} ended (${child.signalCode ?? `status ${status}`})`)));
  });
  return { ended, failed };
};

/**
 * Starts a program that answers one line on stdin with one of JSON on stdout. `request(op, arguments)` sends
 * `encode({ op, ...arguments })`, JSON by default; a reply with `error` rejects.
 */
export const startProgram = (name, command, args = [], encode = JSON.stringify) => {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {}); // a broken pipe; `failed` says why
  const { ended, failed } = ending(name, child);
  const { request, receive } = requests(name, (message) => child.stdin.write(`${encode(message)}\n`), failed);
  createInterface({ input: child.stdout }).on('line', (line) => receive(JSON.parse(line)));
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { request, stop };
};

const engine = fileURLToPath(new URL('engine.mjs', import.meta.url));

/** bench/engine.mjs in a process of its own. */
export const startEngineProcess = (env = {}) => {
  const child = fork(engine, { env: { ...process.env, ...env } });
  const { ended, failed } = ending('engine.mjs', child);
  const { request, receive } = requests('engine.mjs', (message) => child.send(message), failed);
  child.on('message', receive);
  const stop = async () => {
    child.disconnect();
    await ended;
  };
  return { request, stop };
};

/** bench/engine.mjs in a thread of this process. */
export const startEngineWorker = () => {
  const worker = new Worker(engine);
  const { failed } = ending('engine.mjs', worker);
  const { request, receive } = requests('engine.mjs', (message) => worker.postMessage(message), failed);
  worker.on('message', receive);
  return { request, stop: () => worker.terminate() };
};

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The Python of bench/peers/requirements.txt: ZEST_PEERS_PYTHON, or that of bench/peers/.venv; undefined if neither is there. */
export const findPython = () => {
  const python = process.env.ZEST_PEERS_PYTHON || here('peers/.venv/bin/python');
  return existsSync(python) ? python : undefined;
};

/** Runs a script of bench/peers to its end. */
export const runPython = (python, script, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(python, [here(`peers/${script}`), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${script} ended with status ${code}`))));
  });

/** Starts bench/peers/peer.py. `request(op, arguments)` answers with the reply; requests are answered one by one. */
export const startPeer = (python) => {
  const child = spawn(python, [here('peers/peer.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {}); // a broken pipe; `ended` says why
  const waiting = [];
  const ended = new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', (code, signal) => resolve(new Error(`peer.py ended (${signal ?? `status ${code}`})`)));
  });
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()(JSON.parse(line)));
  return {
    request: async (op, args = {}) => {
      const answer = new Promise((resolve) => waiting.push(resolve));
      child.stdin.write(`${JSON.stringify({ op, ...args })}\n`);
      const reply = await Promise.race([
        answer,
        ended.then((error) => {
          throw error;
        }),
      ]);
      if (reply.error) throw new Error(`peer.py: ${reply.error}`);
      return reply;
    },
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
};

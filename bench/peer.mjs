import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The Python of bench/peers/requirements.txt: ZEST_PEERS_PYTHON, or that of bench/peers/.venv; undefined if neither is there. */
export const findPython = () => {
  const python = process.env.ZEST_PEERS_PYTHON ?? here('peers/.venv/bin/python');
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
  const waiting = [];
  const ended = new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', (code, signal) => resolve(new Error(`peer.py ended (${signal ?? `status ${code}`})`)));
  });
  ended.then((error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { resolve, reject } = waiting.shift();
    const reply = JSON.parse(line);
    if (reply.error) reject(new Error(`peer.py: ${reply.error}`));
    else resolve(reply);
  });
  return {
    request: (op, args = {}) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify({ op, ...args })}\n`);
      }),
    stop: () => {
      child.stdin.end();
      return ended;
    },
  };
};

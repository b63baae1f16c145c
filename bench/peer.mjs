import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startProgram } from './child.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The Python of bench/peers/requirements.txt: ZEST_PEERS_PYTHON, or that of bench/peers/.venv; undefined if neither is there. */
export const findPython = () => {
  const python = process.env.ZEST_PEERS_PYTHON || here('peers/.venv/bin/python');
  return existsSync(python) ? python : undefined;
};

/** Runs a script of bench/peers to its end. */
export const runPython = (python, script, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(python, ['-W', 'ignore', here(`peers/${script}`), ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${script} ended with status ${code}`))));
  });

/** Starts bench/peers/peer.py. */
export const startPeer = (python) => startProgram('peer.py', python, [here('peers/peer.py')]);

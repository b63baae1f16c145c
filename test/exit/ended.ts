import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { COLLECTOR } from '../steps/held.ts';

/** How a process ended, and what it left. */
export interface Ended {
  /** Exit status, or the signal that ended it. */
  status: number | string;
  output: string;
  errors: string;
  /** Milliseconds from the last line that it wrote to the end. */
  ending: number;
}

/** Runs a script of the folder above in a process of its own. */
export const ended = (script: string, args: readonly string[] = [], timeout = 110_000): Promise<Ended> =>
  new Promise((resolve) => {
    const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
    let started = performance.now();
    const child = execFile(process.execPath, [...COLLECTOR, path, ...args], { timeout }, (error, output, errors) => {
      const status = error ? (error.signal ?? Number(error.code)) : 0;
      resolve({ status, output, errors, ending: performance.now() - started });
    });
    child.stdout?.on('data', () => {
      started = performance.now();
    });
  });

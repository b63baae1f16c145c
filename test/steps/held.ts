import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';

/** What a process held at a moment. */
export interface Held {
  bytes: number;
  /** Open files. */
  files: number;
  threads: number;
}

/** How a process collects garbage whose memory is measured. */
export const COLLECTOR = ['--expose-gc', '--single-threaded-gc'];

/** Runs a script of this folder, or beside it, in a process of its own; gives what it prints. */
export const printed = async (script: string, ...args: (string | number)[]) => {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...COLLECTOR, path, ...args.map(String)], {
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(stdout);
};

/** Expects that nothing grew in the second half of the time. */
export const expectFlat = (samples: readonly Held[], allowance: number): void => {
  const half = samples.slice(Math.floor(samples.length / 2));
  const first = half[0] as Held;
  const most = (key: keyof Held) => Math.max(...half.map((held) => held[key])) - first[key];
  expect({ files: most('files'), threads: most('threads') }).toEqual({ files: 0, threads: 0 });
  expect(most('bytes')).toBeLessThan(allowance);
};

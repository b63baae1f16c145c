import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

interface Seen {
  /** The digest after a step of an engine that has the process for itself, and of six at once. */
  alone: string;
  together: string[];
  /** What one engine adds. */
  threads: number;
  first: 'file' | 'step';
}

let seen: Seen;
beforeAll(async () => {
  expect(existsSync(new URL('../dist/index.js', import.meta.url)), 'dist is missing: npm run build').toBe(true);
  const script = fileURLToPath(new URL('sharing/engines.mjs', import.meta.url));
  seen = JSON.parse((await promisify(execFile)(process.execPath, [script], { timeout: 110_000 })).stdout);
});

describe.runIf(existsSync('/proc/self/task'))('engines of a process', () => {
  it('compute the same bits at once, two here and four in worker threads, as alone', () => {
    expect(seen.alone).toMatch(/^sha256:/);
    expect(seen.together).toEqual(new Array(6).fill(seen.alone));
  });

  it('have no more threads each than there are cores', () => {
    expect(seen.threads).toBeGreaterThan(0);
    expect(seen.threads).toBeLessThanOrEqual(availableParallelism());
  });

  it("leave libuv's threads to the files", () => {
    expect(seen.first).toBe('file');
  });
});

import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { native } from '../lib/native/load.ts';
import { film, filmBatch } from './fixtures/film.ts';

// docs/reproducibility.md. native/test/engine_test.cc trains a smaller model for longer.

const THREADS = [1, 2, 3, 8];
const COMMITTED = {
  record: '31b6a2a926f3efc3b65c167c0a280c535d9e5be93160a7ed5c6f285ddf75bd74',
  weights: 'sha256:93e5eb5b170c85c0d0d28ec56d696172ae9af004a69b69a62d999fbc6ee2ad50',
};
const STEPS = [
  [4, 11, 7],
  [9, 1, 30],
  [2, 16, 5, 8],
  [25, 3],
  [12, 6, 6],
];
const WORK = {
  folder: film,
  batches: STEPS.map(filmBatch),
  options: {
    directions: 2,
    rho: 1e-3,
    tilt: { tau: 1 },
    estimator: 'jackknife',
    sides: 'two',
    learningRate: 1e-4,
    weightDecay: 0.1,
  },
  threads: THREADS,
};

/** What this processor has: its flags where the system tells them, which the addon does not read. */
const has = (isa: string): boolean => {
  if (isa === 'portable') return true;
  if (isa === 'neon' || process.arch === 'arm64') return isa === 'neon' && process.arch === 'arm64';
  if (!existsSync('/proc/cpuinfo')) return native().isa().available.includes(isa);
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
  const avx2 = ['avx2', 'fma'].every((flag) => flags.has(flag));
  return isa === 'avx2' ? avx2 : avx2 && ['avx512f', 'avx512vl', 'avx512dq', 'avx512bw'].every((f) => flags.has(f));
};

const trainOn = (isa: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('reproducibility/train.mjs', import.meta.url)), {
      env: { ...process.env, ZEST_ISA: isa },
    });
    child.once('error', reject);
    child.once('exit', (status, signal) => reject(new Error(`train.mjs ended with ${signal ?? status}`)));
    child.once('message', resolve);
    child.send(WORK);
  });

beforeAll(() => {
  expect(existsSync(new URL('../dist/index.js', import.meta.url)), 'dist is missing: npm run build').toBe(true);
});

describe('five steps of film-roberta-mini', () => {
  it.each(['avx512', 'avx2', 'neon', 'portable'])(
    'on %s give the committed digests with any number of threads',
    async (isa) => {
      const result = await trainOn(isa);
      if (has(isa)) {
        expect(result).toEqual({ isa, runs: THREADS.map((threads) => ({ threads, ...COMMITTED })) });
      } else {
        console.warn(`not on this processor: ${isa}`);
        expect(result).toEqual({ code: 'ERR_ZEST_ISA' });
      }
    },
  );
});

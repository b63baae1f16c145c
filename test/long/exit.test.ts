import { expect, it } from 'vitest';
import { ended } from '../exit/ended.ts';
import { expectFlat } from '../steps/held.ts';

const EXITS = Number(process.env.ZEST_EXITS ?? 100);
const WORKERS = Number(process.env.ZEST_WORKERS ?? 1000);
const MIB = 2 ** 20;

it(`${EXITS} calls of process.exit in the middle of steps take under 0.3 s each`, async () => {
  const endings: number[] = [];
  for (let i = 0; i < EXITS; i++) {
    const { status, output, errors, ending } = await ended('exit/mid-step.mjs', ['exit']);
    expect({ status, output, errors }).toEqual({ status: 7, output: 'ending\n', errors: '' });
    endings.push(ending);
  }
  endings.sort((a, b) => a - b);
  const [median, slowest] = [endings[Math.floor(endings.length / 2)], endings.at(-1)] as [number, number];
  process.stderr.write(`${EXITS} exits: median ${median.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms\n`);
  expect(slowest).toBeLessThan(300);
});

it(`${WORKERS} workers that are ended in the middle of a step leave nothing`, async () => {
  const rounds = Math.ceil(WORKERS / 3);
  const { status, output, errors } = await ended('worker/terminate.mjs', [String(rounds)], 3 * 3600_000);
  expect({ status, errors }).toEqual({ status: 0, errors: '' });
  const { digests, slowest, samples } = JSON.parse(output);
  const held = samples.map(({ bytes }: { bytes: number }) => Math.round(bytes / MIB));
  process.stderr.write(`${3 * rounds} workers: slowest end ${slowest.toFixed(0)} ms, MiB ${held.join(' ')}\n`);
  expect(digests).toBe(1);
  expectFlat(samples, 32 * MIB);
});

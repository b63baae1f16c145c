import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { writeFolder } from '../fixtures/safetensors.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { tinyConfig, tinyTensors } from '../fixtures/tiny-bert.ts';
import { expectFlat, printed } from '../steps/held.ts';

const scratch = scratchFolder();
const MIB = 2 ** 20;
const BOX = Number(process.env.ZEST_BOX_STEPS ?? 1e6);
const MODEL = Number(process.env.ZEST_MODEL_STEPS ?? 1e5);
const LIVES = Number(process.env.ZEST_LIVES ?? 2000);

it.each([
  ['box', BOX],
  ['model', MODEL],
])('a %s of %i steps holds no more than in the middle, and its log has its weights', async (kind, steps) => {
  const folder = writeFolder(`${scratch}/${kind}`, tinyConfig, tinyTensors());
  const { samples, records, tornBytes, digest, replayed } = await printed('steps.mjs', kind, steps, folder);
  expectFlat(samples, 8 * MIB);
  expect({ records, tornBytes, replayed }).toEqual({ records: steps, tornBytes: 0, replayed: digest });
  const held = samples.map(({ bytes }: { bytes: number }) => Math.round(bytes / MIB));
  process.stderr.write(`${steps} steps of a ${kind}: MiB ${held.join(' ')}\n`);
  rmSync(folder, { recursive: true });
});

it(`${LIVES} models that are loaded, stepped and disposed of leave nothing`, async () => {
  const { samples, digests } = await printed('lives.mjs', LIVES);
  expect(digests).toBe(1);
  expectFlat(samples, 16 * MIB);
  const held = samples.map(({ bytes }: { bytes: number }) => Math.round(bytes / MIB));
  process.stderr.write(`${LIVES} models: MiB ${held.join(' ')}\n`);
});

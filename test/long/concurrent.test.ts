import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { scratchFolder } from '../fixtures/scratch.ts';
import { printed } from '../steps/held.ts';

const scratch = scratchFolder();
const PROGRAMS = Number(process.env.ZEST_PROGRAMS ?? 1000);
const base = fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url));

it(`${PROGRAMS} random programs of concurrent calls have the values of one call after another`, async () => {
  const { first, counts, faults } = await printed('../concurrent/programs.mjs', base, `${scratch}/saved`, PROGRAMS);
  process.stderr.write(`programs from seed ${first}: ${JSON.stringify(counts)}\n`);
  expect(faults, `from seed ${first}`).toEqual([]);
});

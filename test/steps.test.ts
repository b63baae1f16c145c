import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from './fixtures/scratch.ts';
import { expectFlat, printed } from './steps/held.ts';

// What `npm run test:long` does for as long as it takes, for as long as CI has.

const scratch = scratchFolder();

describe.runIf(existsSync('/proc/self/fd'))('a process', () => {
  it('keeps no file open with its steps, and its log has its weights', async () => {
    const { samples, records, tornBytes, digest, replayed } = await printed('steps.mjs', 'box', 4000, scratch);
    expectFlat(samples, 32 * 2 ** 20);
    expect({ records, tornBytes, replayed }).toEqual({ records: 4000, tornBytes: 0, replayed: digest });
  });

  it('has the values of one call after another, with several at once, also in workers', async () => {
    const base = fileURLToPath(new URL('fixtures/parity/llama-grouped', import.meta.url));
    const { counts, faults } = await printed('../concurrent/programs.mjs', base, `${scratch}/saved`, 60, 1);
    expect(faults).toEqual([]);
    expect(counts.done).toBeGreaterThan(200);
  });
});

import { describe, expect, it } from 'vitest';
import { ZestError } from '../../lib/errors.ts';
import { hostileFiles, randomOf } from '../fixtures/hostile.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

// What test/hostile.test.ts tries forty times; docs/security.md says how often this was run. The changes of a seed are
// the same ones each time.
const CHANGES = Number(process.env.ZEST_HOSTILE_CHANGES ?? 20_000);
const SEED = Number(process.env.ZEST_HOSTILE_SEED ?? 1_000_000);

describe('a file that is not what it should be is read, or refused with a ZestError', () => {
  it.each(hostileFiles(scratchFolder()).map((each) => [each.name, each] as const))(
    '%s',
    async (_, { change, read }) => {
      for (let seed = SEED; seed < SEED + CHANGES; seed++) {
        change(randomOf(seed));
        const error = await read().then(
          () => undefined,
          (reason) => reason,
        );
        if (error !== undefined && !(error instanceof ZestError)) expect.fail(`seed ${seed}: ${error?.stack}`);
      }
    },
  );
});

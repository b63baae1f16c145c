import { pbkdf2 } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { lookForResult } from '../../lib/model/look-for-result.ts';
import { quantile } from '../../lib/numbers/statistics.ts';

const { eventLoopUtilization } = performance;

/** How long the event loop sleeps during a call, in ms. */
const sleepDuring = async (call: () => Promise<unknown>): Promise<number> => {
  const before = eventLoopUtilization();
  await call();
  return eventLoopUtilization(before).idle;
};

describe('looking for a result', () => {
  it('gives it, or its error', async () => {
    await expect(lookForResult(async () => 7)).resolves.toBe(7);
    await expect(lookForResult(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('keeps the event loop awake for what another thread answers soon', async () => {
    const soon = () => promisify(pbkdf2)('a', 'b', 400, 64, 'sha512'); // 0.2 ms
    const sleeps: number[] = [];
    for (let i = 0; i < 101; i++) sleeps.push(await sleepDuring(() => lookForResult(soon)));
    // A busy machine takes more than 1 ms for some.
    expect(
      quantile(
        sleeps.toSorted((a, b) => a - b),
        0.25,
      ),
    ).toBe(0);
  });

  it('lets it sleep where that takes long', async () => {
    expect(await sleepDuring(() => lookForResult(() => setTimeout(300)))).toBeGreaterThan(100);
  });

  it('serves timers meanwhile', async () => {
    let fired = 0;
    const timer = setInterval(() => fired++, 1);
    await lookForResult(() => setTimeout(100));
    clearInterval(timer);
    expect(fired).toBeGreaterThan(2);
  });
});

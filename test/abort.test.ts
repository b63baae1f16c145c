import { expect, it } from 'vitest';
import { unlessAborted } from '../lib/abort.ts';
import { vectorObjective } from '../lib/index.ts';

it('what a function of the caller rejects with after it was stopped is nothing that ends the process', async () => {
  const unhandled: unknown[] = [];
  const hear = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', hear);
  try {
    const controller = new AbortController();
    const reason = new Error('stopped');
    const { signal } = controller;
    const f = async () => {
      controller.abort(reason); // before anybody waits for it
      await Promise.resolve();
      throw new Error('mine');
    };
    await expect(vectorObjective(f, [1]).evaluate(undefined, [[]], { signal })).rejects.toBe(reason);
    await expect(unlessAborted(f(), signal)).rejects.toBe(reason);
    // Node tells of them once the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', hear);
  }
});

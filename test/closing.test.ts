import { describe, expect, it } from 'vitest';
import { closeAfter, closeAll, closeOnError, disposeAfter, disposeOnError } from '../lib/closing.ts';

/** Three things to be closed, of which the first two cannot be. */
const three = () => {
  const tried: string[] = [];
  const failing = (name: string) => async () => {
    tried.push(name);
    throw new Error(name);
  };
  return { tried, closers: [failing('first'), failing('second'), () => tried.push('third')] };
};

const held = () => ({
  isDisposed: false,
  dispose() {
    this.isDisposed = true;
  },
});

const failing = () => Promise.reject(new Error('work'));

describe('what is closed', () => {
  it('is closed though another cannot be, whose error is told', async () => {
    const { tried, closers } = three();
    await expect(closeAll(closers)).rejects.toThrow('first');
    expect(tried).toEqual(['first', 'second', 'third']);
    await expect(closeOnError(closers)).resolves.toBeUndefined();
  });

  it('does not hide what failed before', async () => {
    const { tried, closers } = three();
    const work = async function* () {
      yield 1;
      await failing();
    };
    const yielded: number[] = [];
    const all = (async () => {
      for await (const one of closeAfter<number>(work(), closers)) yielded.push(one);
    })();
    await expect(all).rejects.toThrow('work');
    expect(yielded).toEqual([1]);
    expect(tried).toEqual(['first', 'second', 'third']);
  });

  it('is closed where the reader leaves early, once the work has ended', async () => {
    const seen: string[] = [];
    const work = async function* () {
      try {
        yield 1;
      } finally {
        seen.push('work');
      }
    };
    for await (const _ of closeAfter(work(), [() => seen.push('closed')])) break;
    expect(seen).toEqual(['work', 'closed']);
  });
});

describe('what is disposed of', () => {
  it('is so after all work, or only where that fails', async () => {
    const [after, kept, failed] = [held(), held(), held()];
    expect(await disposeAfter(after, () => 1)).toBe(1);
    expect(await disposeOnError(kept, async () => 2)).toBe(2);
    await expect(disposeOnError(failed, failing)).rejects.toThrow('work');
    expect([after, kept, failed].map(({ isDisposed }) => isDisposed)).toEqual([true, false, true]);
  });
});

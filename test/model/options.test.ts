import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/load.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { load } = modelTests();

describe('options', () => {
  it.each<[string, object, string, RegExp]>([
    ['cuda', { device: 'cuda' }, 'ERR_ZEST_DEVICE', /^device is 'cuda', but /],
    ['the second cuda', { device: 'cuda:1' }, 'ERR_ZEST_DEVICE', /'cuda:1'/],
    ['an unknown device', { device: 'tpu' }, 'ERR_ZEST_OPTION', /device is 'tpu'/],
    ['an unknown dtype', { dtype: 'float16' }, 'ERR_ZEST_OPTION', /dtype is 'float16'/],
    ['no threads', { threads: 0 }, 'ERR_ZEST_THREADS', /threads is 0/],
    ['NaN threads', { threads: Number.NaN }, 'ERR_ZEST_THREADS', /threads is NaN/],
    ['too many threads', { threads: 1e6 }, 'ERR_ZEST_THREADS', /threads is 1000000/],
    ['an unknown shortcut', { shortcuts: { all: false } }, 'ERR_ZEST_OPTION', /shortcuts.all/],
    ['a shortcut that is a number', { shortcuts: { shareNoise: 0 } }, 'ERR_ZEST_OPTION', /shortcuts.shareNoise is 0/],
    ['an unknown head', { head: 'classifier' }, 'ERR_ZEST_OPTION', /head is 'classifier'/],
    ['no class', { head: { classes: 0 } }, 'ERR_ZEST_OPTION', /head.classes is 0/],
    ['NaN classes', { head: { classes: Number.NaN } }, 'ERR_ZEST_OPTION', /head.classes is NaN/],
    ['a seed below 0', { head: { classes: 2, seed: -1 } }, 'ERR_ZEST_OPTION', /head.seed is -1/],
    ['a signal that is none', { signal: 'stop' }, 'ERR_ZEST_ARGUMENT', /AbortSignal/],
    ['part of a signal', { signal: { throwIfAborted() {} } }, 'ERR_ZEST_ARGUMENT', /AbortSignal/],
    ['progress that is no function', { onProgress: 3 }, 'ERR_ZEST_OPTION', /onProgress is 3; expected a function/],
  ])('may not ask for %s', async (_, options, code, text) => {
    await rejects(() => load(film, options), code, text);
  });

  it('may not have a folder that is no path', async () => {
    await rejects(() => load(3 as never), 'ERR_ZEST_ARGUMENT', /folder is 3; expected a path/);
  });

  it('take the number of threads from ZEST_THREADS', async () => {
    try {
      process.env.ZEST_THREADS = 'many';
      await rejects(() => load(film), 'ERR_ZEST_THREADS', /ZEST_THREADS is 'many'/);
      expect((await load(film, { threads: 1 })).device).toBe('cpu');
      process.env.ZEST_THREADS = '2';
      expect((await load(film, { device: 'auto' })).device).toBe('cpu');
    } finally {
      delete process.env.ZEST_THREADS;
    }
    expect(native().cores()).toBeGreaterThanOrEqual(1);
  });

  it('tell how far the load is', async () => {
    const seen: [number, number][] = [];
    await load(film, { onProgress: (done, total) => seen.push([done, total]) });
    expect(seen.at(-1)).toEqual([6_896_128, 6_896_128]);
    expect(seen.every(([done], i) => i === 0 || done >= (seen[i - 1]?.[0] ?? 0))).toBe(true);
  });

  it('may throw from onProgress, which ends the load', async () => {
    for (const own of [new Error('enough'), Object.assign(new Error('of mine'), { code: 'ERR_ZEST_MEMORY' })]) {
      let called = 0;
      const onProgress = () => {
        called++;
        throw own;
      };
      await expect(load(film, { onProgress })).rejects.toBe(own);
      expect(called).toBe(1);
    }
  });
});

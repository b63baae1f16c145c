import { readdir } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { runStudy } from '../../lib/studies/registry.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { expectPage, quick, tableOf } from './quick.ts';

describe('zest study flatness', () => {
  const folder = scratchFolder();

  it('measures the model as it came, and what each method makes of it', async () => {
    vi.stubEnv('TMPDIR', folder);
    const { rows } = tableOf(await quick('flatness'), 'After 20 forwards, mean of 1 seed;');
    expect(rows.map(([name]) => name)).toEqual(['before', 'MeZO', 'ZEST, τ = 1']);
    // As the demo says of it: it takes all words for bad ones, and its loss is that of docs/results.md, of other words.
    const [, accuracy, loss, ...increases] = rows[0] as [string, number, number, ...number[]];
    expect(accuracy).toBe(50);
    expect(loss).toBeCloseTo(1.2, 0.9);
    // (ρ²/2)·tr H: at 2e-3 four times what it is at 1e-3.
    expect(increases[1]! / increases[0]!).toBeCloseTo(4, 0);
    for (const row of rows.slice(1)) expect(row[2]).toBeLessThan(loss);
    expect(await readdir(folder)).toEqual([]);
  });

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('flatness')));

  it('takes as many seeds as it is told, and no fewer than one', async () => {
    expect((await quick('flatness')).settings.seeds).toEqual([2]);
    await expect(runStudy('flatness', { size: 0 })).rejects.toThrow(
      'size is 0; expected a whole number from 1 to 20, of seeds',
    );
  });
});

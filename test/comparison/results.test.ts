import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EXPERIMENTS } from '../../lib/comparison/datasets.ts';
import { BASELINE } from '../../lib/comparison/embedding-baseline.ts';
import { defaultMethods, METHODS } from '../../lib/comparison/methods.ts';
import { experimentMarkdown } from '../../lib/comparison/table.ts';

const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/results.md', import.meta.url));
const files = (await readdir(RESULTS)).filter((name) => name.startsWith('experiment-'));

describe('docs/results.md', () => {
  it.each(files)('has the table of %s, with all its methods and seeds', async (file) => {
    const result = JSON.parse(await readFile(RESULTS + file, 'utf8'));
    expect(EXPERIMENTS).toContain(result.name);
    // The method that measures its rate came later, and is not in all of them.
    // Nor is what is compared with them: it takes no steps.
    const names = result.methods
      .map(({ name }: { name: string }) => name)
      .filter((name: string) => name !== BASELINE.name);
    const ofDecoder = result.name.startsWith('smollm2-');
    // Of a decoder, and of what proves auto, there are as many methods as there was time for.
    const expected =
      ofDecoder || result.evaluations !== undefined
        ? METHODS.filter(({ name }) => names.includes(name))
        : defaultMethods(false).filter(({ name, measuresRate }) => !measuresRate || names.includes(name));
    expect(names).toEqual(expected.map(({ name }) => name));
    for (const { name, runs } of result.methods) {
      expect(runs.map(({ seed }: { seed: number }) => seed)).toEqual(
        Array.from({ length: ofDecoder ? result.seeds : 5 }, (_, i) => 2 + i),
      );
      if (name === BASELINE.name) continue;
      // Whole steps of what there was: a step of auto does not divide it.
      const step = name === 'auto' ? 18 : 1;
      for (const { forwards } of runs) {
        expect(forwards).toBeLessThanOrEqual(result.forwards);
        expect(forwards).toBeGreaterThan(result.forwards - step);
      }
    }
    const page = await readFile(PAGE, 'utf8');
    expect(page).toContain(`### ${result.name}\n`);
    expect(page).toContain(`\n\n${experimentMarkdown(result)}\n\n`);
  });
});

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tiltedMean } from '../../lib/numbers/statistics.ts';
import { noise } from '../../lib/objectives/noise.ts';
import { studyPage } from '../../lib/report/study-page.ts';
import { descend, loss, RHO, tilted, trace } from '../../lib/studies/toy-2d.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { expectPage, quick, tableOf } from './quick.ts';

describe('zest study toy-2d', () => {
  it('has F_t as a mean over draws has it, and its gradient and tr H as differences do', () => {
    const v = noise({ seed: 3, stream: 0n, offset: 0, length: 100_000 });
    const at = [-0.8, 0.2] as const;
    const around = Array.from({ length: 50_000 }, (_, i) =>
      loss([at[0] + RHO * v[2 * i]!, at[1] + RHO * v[2 * i + 1]!]),
    );
    for (const t of [0, 1, 5]) {
      const { value, gradient } = tilted(at, t);
      expect(value).toBeCloseTo(tiltedMean(around, t), 2);
      const h = 1e-4;
      const difference = (tilted([at[0] + h, at[1]], t).value - tilted([at[0] - h, at[1]], t).value) / (2 * h);
      expect(gradient[0]).toBeCloseTo(difference, 5);
    }
    const h = 1e-3;
    const second = [
      [h, 0],
      [0, h],
    ].map(([a, b]) => (loss([at[0] + a!, at[1] + b!]) + loss([at[0] - a!, at[1] - b!]) - 2 * loss(at)) / h ** 2);
    expect(trace(at)).toBeCloseTo(second[0]! + second[1]!, 3);
  });

  it('shows what the paper shows: a small tilt stays in the sharp minimum, a large one leaves it for the flat one', () => {
    const end = (t: number) => descend([-1, 0.15], t, 300).at(-1)!;
    for (const t of [0, 1]) expect(end(t)[0]).toBeLessThan(-0.6);
    for (const t of [5, 20]) {
      expect(end(t)[0]).toBeGreaterThan(0.9);
      expect(trace(end(t))).toBeLessThan(3);
    }
    expect(trace([-1, 0])).toBeGreaterThan(15);
  });

  it('runs every method from both starts', async () => {
    for (const start of ['stationary', 'linear']) {
      const { rows } = tableOf(await quick('toy-2d'), `Ends of 2 runs, start ${start}`);
      expect(rows).toHaveLength(10);
      const flat = new Map(rows.map(([method, count]) => [method, count]));
      expect(flat.get('ZEST, t = 20')).toBe(2);
      for (const method of ['n-SPSA, t = 0', 'ZEST, t = 1', 'SAM']) expect(flat.get(method)).toBe(0);
      for (const [, flat, value] of rows) {
        expect([0, 1, 2]).toContain(flat);
        expect(value).toBeGreaterThan(-1.1);
        expect(value).toBeLessThan(10);
      }
    }
  });

  it('has a page with its numbers, which loads nothing', async () => expectPage(await quick('toy-2d')));

  describe('its picture', () => {
    const folder = scratchFolder();
    const script = fileURLToPath(new URL('../../scripts/picture-charts.mjs', import.meta.url));
    const take = (...args: string[]) => promisify(execFile)(process.execPath, [script, ...args]);

    it('has the charts that were named, their titles and keys, and loads nothing', async () => {
      const [page, picture] = [join(folder, 'study.html'), join(folder, 'toy-2d.svg')];
      await writeFile(page, await studyPage(await quick('toy-2d')));
      await take(page, picture, 'flows', 'curvature');
      const svg = await readFile(picture, 'utf8');
      for (const id of ['flows', 'curvature']) expect(svg).toContain(` id="${id}" class="chart"`);
      for (const text of ['Descent of the exact F_t', 'tr H on the way', 't = 5', 'ZEST, τ = 1'])
        expect(svg).toContain(`>${text}</text>`);
      expect(svg).not.toMatch(/(src|href)=|url\((?!#)|@import|<script/);
      await expect(take(page, picture, 'flow')).rejects.toThrow(/has no chart flow; expected one of flows, /);
    });

    it('is in the docs with the charts that its command names', async () => {
      const [svg, page] = await Promise.all(
        ['toy-2d.svg', 'studies.md'].map((name) => readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8')),
      );
      const named = page!.match(/picture-charts\.mjs \S+ docs\/toy-2d\.svg (.*)/)![1]!.split(' ');
      expect([...svg!.matchAll(/<svg x="\d+" .*?id="([^"]+)"/g)].map(([, id]) => id)).toEqual(named);
    });
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { sharpnessPage } from '../../lib/report/sharpness-page.ts';
import { type MeasuredWeights, type SharpnessReport, sharpnessChange } from '../../lib/sharpness/report.ts';
import { sharpness } from '../../lib/sharpness/sharpness.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { chromiumPath, launch } from './browser.ts';

const HOSTILE = 'runs/<script>alert(1)</script>';

/** Of Σ x⁴ around two points; beyond `edge` it is not finite. */
const reportOf = async (
  weights: MeasuredWeights['weights'][],
  edge = Number.POSITIVE_INFINITY,
  radii: readonly number[] = [0.1, 1],
) => {
  const f = (x: Float64Array) =>
    x.some((value) => Math.abs(value) > edge) ? Number.NaN : x.reduce((sum, value) => sum + value ** 4, 0);
  const measured: MeasuredWeights[] = [];
  for (const [i, name] of weights.entries()) {
    const objective = vectorObjective(f, [i, 1, 2]);
    const options = { radii, samples: 4, slice: 3, eigenvalues: 2 };
    measured.push({ weights: name, folder: 'f', step: 10 * i, ...(await sharpness(objective, undefined, options)) });
  }
  const [first, second] = measured;
  const report: SharpnessReport = {
    kind: 'sharpness',
    version: '1.2.3',
    source: HOSTILE,
    split: 'train',
    examples: 1,
    seed: 0,
    law: { lowRank: 2 },
    trainable: 'all',
    dimension: 3,
    samples: 4,
    measured,
    ...(second && { change: sharpnessChange(first!, second) }),
  };
  return report;
};

/** Texts of the page's charts that run into one another by more than the space between lines, or out of their chart. */
const COLLISIONS = `[...document.querySelectorAll('svg.chart')].flatMap((svg) => {
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((text) => ({ said: text.textContent, at: text.getBoundingClientRect() }));
  const shown = texts.filter(({ at }) => at.width > 0);
  return shown.flatMap(({ said, at }, i) => [
    ...(at.left < edge.left || at.right > edge.right ? [svg.id + ': ' + said] : []),
    ...shown
      .slice(i + 1)
      .filter((other) => Math.min(at.right, other.at.right) > Math.max(at.left, other.at.left))
      .filter((other) => Math.min(at.bottom, other.at.bottom) - Math.max(at.top, other.at.top) > 4)
      .map((other) => svg.id + ': ' + said + ' | ' + other.said),
  ]);
})`;

// CI installs the browser, and there its absence is a failure.
const absent = chromiumPath === undefined && !process.env.CI;
if (absent) console.warn('NOT TESTED: the page of zest sharpness in a browser, for there is no chromium');

describe('sharpnessPage', () => {
  const folder = scratchFolder();

  it('shows both sets of weights and the change, and nothing that a name could smuggle in', async () => {
    const html = await sharpnessPage(await reportOf(['before', 'after']));
    expect(html).not.toContain(HOSTILE);
    expect(html).toContain('runs/&lt;script&gt;');
    expect(html).toContain('low-rank (2) directions of seed 0');
    for (const part of ['before the run', 'after the run', '>change<', 'Largest eigenvalues of the Hessian']) {
      expect(html).toContain(part);
    }
    for (const id of ['increase', 'deviation', 'maximum', 'cut', 'plane-before', 'plane-after']) {
      expect(html).toContain(`<svg id="${id}"`);
    }
    expect(html).toBe(await sharpnessPage(await reportOf(['before', 'after'])));
  });

  it('of one set of weights, and without a slice', async () => {
    const report = await reportOf(['before']);
    const html = await sharpnessPage(report);
    expect(html).toContain('the model as it came');
    expect(html).not.toContain('>change<');
    const { slice: _, eigenvalues: __, ...measured } = report.measured[0]!;
    const plain = await sharpnessPage({ ...report, measured: [measured] });
    expect(plain).not.toContain('id="plane');
    expect(plain).not.toContain('Largest eigenvalues');
  });

  it('says which losses are not finite', async () => {
    const html = await sharpnessPage(await reportOf(['before', 'after'], 2.5));
    expect(html).toMatch(/before the run, ρ = 1: \d of 8 losses are not finite\./);
    expect(html).toContain('not finite</td>');
    expect(html).not.toContain('NaN');
  });

  it.skipIf(absent)('has no texts that run into one another, whatever the radii', async () => {
    const browser = await launch();
    const file = join(folder, 'texts.html');
    try {
      const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
      for (const radius of [1e-6, 1e-4, 1e-3, 1, 3000]) {
        const radii = [radius / 2, radius];
        await writeFile(file, await sharpnessPage(await reportOf(['before', 'after'], undefined, radii)));
        await page.goto(`file://${file}`);
        expect(await page.evaluate(COLLISIONS)).toEqual([]);
      }
    } finally {
      await browser.close();
    }
  });

  it.skipIf(absent)('opens in Chromium without an error or a request', async () => {
    const browser = await launch();
    const file = join(folder, 'sharpness.html');
    await writeFile(file, await sharpnessPage(await reportOf(['before', 'after'], 2.5)));
    try {
      for (const width of [1200, 400]) {
        const page = await browser.newPage({ viewport: { width, height: 800 } });
        const heard: string[] = [];
        page.on('console', (message) => heard.push(message.text()));
        page.on('pageerror', (error) => heard.push(error.message));
        page.on('request', (request) => {
          if (request.url() !== `file://${file}`) heard.push(request.url());
        });
        await page.goto(`file://${file}`);
        expect(await page.locator('svg.chart').count()).toBe(6);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
        await page.locator('#increase').hover();
        expect(heard).toEqual([]);
      }
    } finally {
      await browser.close();
    }
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { report } from '../../lib/report/report.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { chromiumPath, launch } from './browser.ts';
import { configText, finished, metricLines, writeRun } from './runs.ts';

// CI installs the browser, and there its absence is a failure.
const absent = chromiumPath === undefined && !process.env.CI;
if (absent)
  console.warn('NOT TESTED: zest report in a browser, for there is no chromium (Debian: chromium-headless-shell)');

describe.skipIf(absent)('the page of zest report, in Chromium', () => {
  const folder = scratchFolder();
  const file = join(folder, 'report.html');
  const hostile = '<script>document.title="run"</script>';
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
    const runs = [
      await writeRun(join(folder, 'mezo'), {
        metrics: metricLines(40, 2, 10),
        config: configText('mezo', 1, 40),
        summary: finished(40, 2),
      }),
      await writeRun(join(folder, 'zest'), { metrics: metricLines(8, 10, 2), config: configText('zest', 1, 8) }),
      await writeRun(join(folder, hostile.replaceAll('/', '-')), {
        metrics: metricLines(1000, 2, 500),
        config: `${hostile}: ${hostile}\n`,
      }),
    ];
    await writeFile(file, (await report(runs)).html);
  });
  afterAll(() => browser?.close());

  /** Opens the page, and expects it to be silent until the test's end. */
  const open = async (options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    const heard: string[] = [];
    page.on('console', (message) => heard.push(message.text()));
    page.on('pageerror', (error) => heard.push(error.message));
    page.on('request', (request) => {
      if (request.url() !== `file://${file}`) heard.push(request.url());
    });
    onTestFinished(async () => {
      await page.close();
      expect(heard).toEqual([]);
    });
    await page.goto(`file://${file}`);
    return page;
  };

  /** Points at a place of a chart that an axis from 0 to `end` has. */
  const pointAt = async (page: Page, chart: string, value: number, end: number) => {
    const svg = page.locator(`#${chart}`);
    await svg.scrollIntoViewIfNeeded();
    const box = (await svg.boundingBox())!;
    const scale = box.width / 440; // user units of lib/report/chart.ts
    await page.mouse.move(box.x + (52 + (value / end) * (342 - 52)) * scale, box.y + box.height / 2);
    return svg.locator('xpath=..').locator('.values');
  };

  it('draws every chart with the marks of every run', async () => {
    const page = await open();
    const charts = await page.locator('svg.chart').evaluateAll((all) => all.map(({ id }) => id));
    expect(charts).toEqual([
      'validation-accuracy',
      'training-loss',
      'validation-loss',
      'tilt',
      'tau',
      'effective-sample-size',
      'coefficient-spread',
      'gradient-norm',
      'learning-rate',
    ]);
    for (const chart of charts) expect(await page.locator(`#${chart} [data-series]`).count()).toBe(3);
    const points = (selector: string) => page.locator(selector).evaluateAll((all) => all.length);
    expect(await points('#validation-accuracy [data-run="0"] .point')).toBe(5);
    expect(await points('#validation-accuracy [data-run="1"] .point')).toBe(5);
    const ends = (run: number, mark: string) =>
      page
        .locator(`#training-loss [data-run="${run}"] ${mark}`)
        .evaluateAll((all) => all.map((one) => one.getAttribute('points')?.split(' ').length));
    expect(await ends(0, 'polyline.line')).toEqual([40]);
    expect(await ends(0, 'polyline.faint')).toEqual([40]);
    expect(await ends(0, 'polygon')).toEqual([]);
    // 1,000 steps in bins of 7: a band, there and back.
    expect(await ends(2, 'polyline.line')).toEqual([143]);
    expect(await ends(2, 'polygon.band')).toEqual([286]);
  });

  it('tells the values under the pointer, of single steps and of bins', async () => {
    const page = await open();
    await page.locator('input[name="run"][value="2"]').uncheck();
    const box = await pointAt(page, 'training-loss', 40, 2000);
    // Step 20 of the first run and step 4 of the second: 1 − 0.5·20/40.
    await expect.poll(() => box.locator('strong').textContent()).toBe('40 forwards');
    const lines = await box.locator('div').allTextContents();
    expect(lines).toEqual(['mezo: 0.75, smoothed 0.75', 'zest: 0.75']);
    await page.locator('input[name="run"][value="2"]').check();
    const binned = await pointAt(page, 'training-loss', 1400, 2000);
    // Steps 694 to 700.
    await expect.poll(() => binned.locator('strong').textContent()).toBe('1,400 forwards');
    expect(await binned.locator('div').allTextContents()).toEqual([
      '<script>document.title="run"<-script>: 0.6515 (0.65–0.653), smoothed 0.65',
    ]);
    await page.mouse.move(2, 2);
    expect(await binned.isVisible()).toBe(false);
  });

  it('is read with the keyboard as well', async () => {
    const page = await open();
    await page.locator('#validation-accuracy').focus();
    await page.keyboard.press('ArrowRight');
    const box = page.locator('#validation-accuracy').locator('xpath=..').locator('.values');
    expect(await box.locator('strong').textContent()).toBe('0 forwards');
    await page.keyboard.press('ArrowRight');
    expect(await box.locator('strong').textContent()).toBe('20 forwards');
    expect(await box.locator('div').allTextContents()).toContain('mezo: 60.0 %');
    await page.keyboard.press('Escape');
    expect(await box.isVisible()).toBe(false);

    // Places of a run that is hidden are none to stop at: from 0 straight to the third run's 1,000.
    for (const run of [0, 1]) await page.locator(`input[name="run"][value="${run}"]`).uncheck();
    await page.locator('#validation-accuracy').focus();
    const stops = [];
    for (let press = 0; press < 3; press++) {
      await page.keyboard.press('ArrowRight');
      stops.push(await box.locator('strong').textContent());
    }
    expect(stops.at(-1)).toBe('2,000 forwards');
  });

  it('switches a run off in all charts, and on again', async () => {
    const page = await open();
    const marks = page.locator('svg [data-run="1"]');
    expect(await marks.count()).toBe(9);
    const visible = () => marks.evaluateAll((all) => all.filter((one) => one.getClientRects().length > 0).length);
    expect(await visible()).toBe(9);
    await page.getByLabel('zest', { exact: true }).uncheck();
    expect(await visible()).toBe(0);
    expect(await page.locator('svg [data-run="0"]').first().isVisible()).toBe(true);
    expect(await (await pointAt(page, 'validation-accuracy', 40, 2000)).locator('div').allTextContents()).toEqual([
      'mezo: 70.0 %',
      '<script>document.title="run"<-script>: 50.0 %',
    ]);
    await page.getByLabel('zest', { exact: true }).check();
    expect(await visible()).toBe(9);
  });

  it('lays its charts out over forwards, steps or seconds', async () => {
    const page = await open();
    const end = (run: number) =>
      page.locator(`#training-loss [data-run="${run}"] polyline.line`).evaluate((line) => {
        const [x] = line.getAttribute('points')!.split(' ').at(-1)!.split(',');
        return Number(x);
      });
    const at = (share: number) => Math.round((52 + share * (342 - 52)) * 10) / 10;
    const label = () => page.locator('#training-loss .axis-label:visible').textContent();
    expect([await end(0), await end(1), await label()]).toEqual([at(80 / 2000), at(80 / 2000), 'forwards']);
    await page.getByRole('radio', { name: 'steps' }).check();
    expect([await end(0), await end(1), await label()]).toEqual([at(40 / 1000), at(8 / 1000), 'steps']);
    expect(await (await pointAt(page, 'training-loss', 8, 1000)).locator('strong').textContent()).toBe('8 steps');
    await page.getByRole('radio', { name: 'seconds' }).check();
    expect([await end(0), await end(1), await label()]).toEqual([at(4 / 100), at(0.8 / 100), 'seconds']);
    await page.getByRole('radio', { name: 'forwards' }).check();
    expect([await end(0), await end(1), await label()]).toEqual([at(80 / 2000), at(80 / 2000), 'forwards']);
  });

  it('runs nothing that a name or a configuration holds', async () => {
    const page = await open();
    expect(await page.title()).toBe('3 runs · node-zest');
    expect(await page.locator('body').textContent()).toContain('<script>document.title="run"</script>');
  });

  it.each([320, 375, 768, 1280, 2200])('fits a window of %d pixels', async (width) => {
    const page = await open({ viewport: { width, height: 800 } });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  });

  it('is dark where the reader prefers that, and white on paper', async () => {
    const background = async (page: Page) =>
      page.evaluate<number>('Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])');
    expect(await background(await open({ colorScheme: 'light' }))).toBe(255);
    const dark = await open({ colorScheme: 'dark' });
    expect(await background(dark)).toBeLessThan(40);
    await dark.emulateMedia({ media: 'print' });
    expect(await background(dark)).toBe(255);
  });

  it('has its pictures without a script', async () => {
    const page = await open({ javaScriptEnabled: false });
    expect(await page.locator('svg.chart polyline.line').count()).toBeGreaterThan(20);
  });
});

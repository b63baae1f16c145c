// Takes a picture of a page on disk with the Chromium of this machine (Debian: chromium-headless-shell):
//   node scripts/picture-page.mjs report.html docs/report.png [--width 1280] [--height 1000] [--from '#charts'] [--dark] [--browser FILE]
// --from: the element that the picture begins with.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const MARGIN = 20; // px

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '1000' },
    from: { type: 'string', default: 'body' },
    dark: { type: 'boolean', default: false },
    browser: { type: 'string', default: '/usr/bin/chromium-headless-shell' },
  },
});
const [page, picture] = positionals;
if (!page || !picture) {
  console.error(
    'usage: node scripts/picture-page.mjs PAGE.html PICTURE.png [--width W] [--height H] [--from SELECTOR] [--dark]',
  );
  process.exit(2);
}
const [width, height] = [Number(values.width), Number(values.height)];
const browser = await chromium.launch({ executablePath: values.browser });
try {
  const tab = await browser.newPage({ viewport: { width, height }, colorScheme: values.dark ? 'dark' : 'light' });
  await tab.goto(pathToFileURL(resolve(page)).href);
  const { y } = await tab.locator(values.from).first().boundingBox();
  await tab.screenshot({ path: picture, fullPage: true, clip: { x: 0, y: Math.max(0, y - MARGIN), width, height } });
} finally {
  await browser.close();
}

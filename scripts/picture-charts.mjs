// Takes charts out of a page that zest wrote, side by side in one SVG that stands alone, with their titles and keys:
//   node scripts/picture-charts.mjs runs/studies/toy-2d/study.html docs/toy-2d.svg paths-stationary profile
import { readFile, writeFile } from 'node:fs/promises';

const GAP = 24; // user units, as all below
const TITLE = 26;
const LINE = 18;
const FONT = 12;

const [page, picture, ...ids] = process.argv.slice(2);
if (!page || !picture || ids.length === 0) {
  console.error('usage: node scripts/picture-charts.mjs PAGE.html PICTURE.svg CHART …');
  process.exit(2);
}
const html = await readFile(page, 'utf8');
const style = html.match(/<style>(.*?)<\/style>/s)?.[1] ?? '';

/** Of a path over a surface, whose name stands in no label beside it. */
const keysOf = (svg) =>
  [...svg.matchAll(/<g (class="series[^>]*)><title>([^<]*)<\/title>/g)].map(([, attributes, name]) => ({
    attributes,
    name,
  }));

const charts = ids.map((id) => {
  const svg = html.match(new RegExp(`<svg id="${id}".*?</svg>`, 's'))?.[0];
  if (svg === undefined) {
    const known = [...html.matchAll(/<svg id="([^"]+)"/g)].map(([, name]) => name).join(', ');
    console.error(`${page} has no chart ${id}; expected one of ${known}`);
    process.exit(1);
  }
  const [, width, height] = svg.match(/viewBox="0 0 (\d+) (\d+)"/).map(Number);
  const title = svg.match(/<title[^>]*>(.*?)<\/title>/)[1];
  return { svg, width, height, title, keys: keysOf(svg) };
});

const KEYS = 3; // in a row
const rows = Math.max(...charts.map(({ keys }) => Math.ceil(keys.length / KEYS)));
const width = charts.reduce((sum, chart) => sum + chart.width + GAP, GAP);
const height = TITLE + Math.max(...charts.map((chart) => chart.height)) + 12 + rows * LINE;
let left = GAP;
const parts = charts.map((chart) => {
  const x = left;
  left += chart.width + GAP;
  // What tells a value to a mouse or to keys is of no use in a picture.
  const svg = chart.svg
    .replaceAll(/(<rect[^>]*)><title>[^<]*<\/title><\/rect>/g, '$1/>')
    .replaceAll(' tabindex="0"', '')
    .replace('<svg ', `<svg x="${x}" y="${TITLE}" width="${chart.width}" height="${chart.height}" `);
  const keys = chart.keys.map(({ attributes, name }, i) => {
    const at = x + 40 + (i % KEYS) * 130;
    const y = TITLE + chart.height + 14 + Math.floor(i / KEYS) * LINE;
    return `<g ${attributes}><line class="line" x1="${at}" x2="${at + 18}" y1="${y - 4}" y2="${y - 4}"/><text class="tick" x="${at + 24}" y="${y}">${name}</text></g>`;
  });
  return [`<text class="title" x="${x}" y="18">${chart.title}</text>`, svg, ...keys].join('\n');
});
await writeFile(
  picture,
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${charts.map(({ title }) => title).join('; ')}</title>`,
    `<style>${style}
svg { font: ${FONT}px system-ui, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif; }
svg.chart { margin: 0; width: auto; }
.title { font-size: 14px; font-weight: 600; fill: var(--ink); }</style>`,
    `<rect width="${width}" height="${height}" fill="var(--paper)"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n'),
);

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Chart, colorStyle, PLOT, WIDTH } from './chart.ts';
import { escaped, inlineJson } from './html.ts';

// The same path from lib/report and from dist/report.
const asset = (name: string): Promise<string> => readFile(new URL(`../../assets/${name}`, import.meta.url), 'utf8');

/** A part of a page. */
export interface Figure {
  html: string;
  /** What the page's script needs to know of, where it is a line chart. */
  chart?: Chart;
}

/** A chart with its words, and its numbers as a table for those who do not see it. */
export const figure = (
  { svg, note }: Pick<Chart, 'svg' | 'note'>,
  title: string,
  words: string,
  numbers = '',
): string =>
  [
    `<figure><figcaption><h3>${escaped(title)}</h3><p>${escaped(words)}${note && ` ${escaped(note)}`}</p></figcaption>`,
    `<div class="picture">${svg}</div>`,
    numbers && `<details><summary>Numbers</summary>${numbers}</details>`,
    '</figure>',
  ].join('');

/** The swatch of a series: a piece of its line. */
export const colorKey = (color: number): string => `<span ${colorStyle('key', color)}></span>`;

export interface PageOptions {
  title: string;
  /** HTML of the body. */
  body: string;
  /** The line charts that the body has, for the script. */
  charts: readonly Chart[];
}

/** Values as the page's script has them: five digits, null for a gap; equal lists once. */
const chartData = (charts: readonly Chart[]) => {
  const short = (values: readonly number[] | undefined) =>
    values?.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(5)) : null));
  const lists: (readonly number[])[] = [];
  const places = new Map<readonly number[], number>();
  const listOf = (values: readonly number[]): number => {
    const known = places.get(values);
    if (known !== undefined) return known;
    places.set(values, lists.length);
    return lists.push(values.map((value) => Number(value.toPrecision(7)))) - 1;
  };
  const described = charts.map(({ data }) => ({
    ...data,
    series: data.series.map(({ name, x, y, low, high, trend }) => {
      const same = low?.every((value, i) => value === high?.[i]);
      return {
        name,
        x: x.map(listOf),
        y: short(y),
        ...(!same && { low: short(low), high: short(high) }),
        trend: short(trend),
      };
    }),
  }));
  return { plot: PLOT, width: WIDTH, lists, charts: described };
};

/**
 * A page that needs nothing beside itself: style, script and data are in it, and its policy lets it load nothing and run
 * no other script.
 */
export const page = async ({ title, body, charts }: PageOptions): Promise<string> => {
  const [style, script] = await Promise.all([asset('report.css'), asset('report.js')]);
  const wrapped = `{\n${script}}\n`;
  const hash = createHash('sha256').update(wrapped).digest('base64');
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title>`,
    `<style>\n${style}</style>`,
    '</head>',
    '<body>',
    body,
    `<script type="application/json" id="data">${inlineJson(chartData(charts))}</script>`,
    `<script>${wrapped}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
};

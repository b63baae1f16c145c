import type { StudyChart, StudyResult, StudySurface, StudyTable } from '../studies/study.ts';
import { lineChart } from './chart.ts';
import { heatMap } from './heat-map.ts';
import { escaped, table } from './html.ts';
import { colorKey, type Figure, figure, page } from './page.ts';
import { formatNumber } from './scale.ts';

/** Writes a cell of a table. */
export const cellText = (cell: string | number): string => (typeof cell === 'string' ? cell : formatNumber(cell));

const tableOf = ({ caption, columns, rows }: StudyTable): string =>
  table({ caption, columns, rows: rows.map((row) => row.map(cellText)) });

const chartOf = ({ id, title, words, x, y, lines }: StudyChart): Figure => {
  const series = lines.map((line, color) => ({ ...line, color, x: [line.x], points: line.x.length <= 20 }));
  const axes = [{ key: 'x', ...x }];
  const chart = lineChart({ id, title, description: words, axes, y, series });
  const places = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const numbers =
    places.length <= 40
      ? table({
          caption: title,
          columns: [x.label, ...lines.map(({ name }) => name)],
          rows: places.map((place) => [
            formatNumber(place),
            ...lines.map((line) => formatNumber(line.y[line.x.indexOf(place)] ?? Number.NaN)),
          ]),
        })
      : '';
  return { chart, html: figure(chart, title, words, numbers) };
};

const surfaceOf = ({ words, ...surface }: StudySurface): string => {
  const keys = surface.paths.map(({ name }, i) => `<span>${colorKey(i)} ${escaped(name)}</span>`).join(' ');
  const svg = heatMap({ ...surface, description: words });
  return figure({ svg, note: '' }, surface.title, words).replace('</figure>', `<p class="quiet">${keys}</p></figure>`);
};

/** One HTML document that shows a study and loads nothing. */
export const studyPage = (result: StudyResult): Promise<string> => {
  const { name, title, question, settings, findings, tables, surfaces = [], seed, quick, size, version } = result;
  const charts = result.charts.map(chartOf);
  const figures = [...surfaces.map(surfaceOf), ...charts.map(({ html }) => html)];
  const body = [
    `<header><h1>${escaped(title)}</h1><p>${escaped(question)}</p><p class="quiet">zest study ${escaped(name)}, seed ${seed}${size === undefined ? '' : `, size ${size}`}${quick ? ', quick: fewer repeats than the study takes' : ''}; node-zest ${escaped(version)}</p></header>`,
    `<section><h2>Findings</h2><ul>${findings.map((finding) => `<li>${escaped(finding)}</li>`).join('')}</ul>${tables.map(tableOf).join('')}</section>`,
    `<section><h2>Charts</h2><div class="charts">${figures.join('')}</div></section>`,
    `<section><h2>Settings</h2>${table({ caption: 'What the numbers depend on', columns: ['setting', 'value'], numbersFrom: 2, rows: Object.entries(settings).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]) })}</section>`,
  ].join('\n');
  return page({ title: `${title} · node-zest`, body, charts: charts.flatMap(({ chart }) => chart ?? []) });
};

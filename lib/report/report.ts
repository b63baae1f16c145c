import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { rangeError, typeError } from '../errors.ts';
import { withoutOptions } from '../options/no-options.ts';
import { checkedList } from '../options/reading.ts';
import { findRuns } from '../runs/find.ts';
import { environmentOf, type RunRecord, readRun } from '../runs/read.ts';
import { show } from '../text/show.ts';
import { version } from '../version.ts';
import { type Axis, COLORS } from './chart.ts';
import { type ComparedKey, compared, distinctNames, runStyles, seedGroups, withWholeValues } from './compare-runs.ts';
import { escaped, table } from './html.ts';
import { colorKey, page } from './page.ts';
import { progressAxes, runFigures, SMOOTHING } from './run-charts.ts';
import { formatNumber } from './scale.ts';
import { overview, type RunOverview, summarySection } from './summary.ts';
import { sweepSections } from './sweep-section.ts';
import { taskReportsSection } from './task-reports.ts';

/** A page of runs, and what it says of each. */
export interface Report {
  /** Page, a whole HTML document. */
  html: string;
  /** Overview of each run that the page shows. */
  runs: RunOverview[];
  /** Paths of files among those given, which were left out. */
  files: string[];
}

/** Rows that differ, a column a run; those that agree folded away. */
const comparisonSection = (
  runs: readonly RunRecord[],
  { differing, same }: { differing: ComparedKey[]; same: ComparedKey[] },
  words: { title: string; all: string },
): string => {
  const rows = ({ key, values }: ComparedKey) => [key, ...values];
  const agreed = table({
    caption: runs.length > 1 ? `The same in all runs` : words.title,
    columns: ['key', 'value'],
    numbersFrom: 2,
    rows: same.map(({ key, values }) => [key, values[0] ?? '']),
  });
  const parts = [`<section><h2>${escaped(words.title)}</h2>`];
  if (runs.length === 1) parts.push(agreed);
  else {
    parts.push(
      differing.length
        ? table({
            caption: 'What differs',
            columns: ['key', ...runs.map(({ name }) => name)],
            numbersFrom: runs.length + 1,
            rows: differing.map(rows),
          })
        : `<p>${escaped(words.all)}</p>`,
    );
    if (same.length) parts.push(`<details><summary>The same in all runs</summary>${agreed}</details>`);
  }
  return `${parts.join('')}</section>`;
};

const controls = (runs: readonly RunRecord[], axes: readonly Axis[], colors: readonly number[]): string => {
  const ways = axes.map(
    ({ label }, i) =>
      `<label><input type="radio" name="axis" value="${i}"${i === 0 ? ' checked' : ''}><span>${label}</span></label>`,
  );
  const shown = runs.map(
    ({ name }, i) =>
      `<label><input type="checkbox" name="run" value="${i}" checked>${colorKey(colors[i]!)}<span class="name">${escaped(name)}</span></label>`,
  );
  return `<form class="controls" autocomplete="off"><fieldset><legend>Over</legend>${ways.join('')}</fieldset><fieldset><legend>Runs</legend>${shown.join('')}</fieldset></form>`;
};

/** Enough of a digest to tell weights apart. */
const shortDigest = (digest: string): string => digest.replace(/^(sha256:.{12}).*$/, '$1…');

const environment = (runs: readonly RunRecord[]) =>
  compared(
    runs.map((run) => {
      const { start, summary } = run;
      const text = (value: unknown) => (typeof value === 'number' ? formatNumber(value) : undefined);
      const entries: [string, string | undefined][] = [
        ...Object.entries(environmentOf(run)),
        ['parameters', text(start?.parameterCount)],
        ['trained parameters', text(start?.dimension)],
        ['training examples', text(start?.train)],
        ['validation examples', text(start?.validation)],
        ['test examples', text(start?.test)],
        ['digest of the weights', typeof summary?.digest === 'string' ? shortDigest(summary.digest) : undefined],
      ];
      return new Map(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
    }),
  );

/**
 * Makes a page that shows and compares runs, by their folders: metrics.jsonl, config.yaml, summary.json and
 * classification.json are read, from runs that finished, were interrupted, failed or are going on, of this version of
 * node-zest or another. It is one HTML document that loads nothing. A folder that is named twice is shown once; that of
 * a sweep or an experiment stands for the runs under it; files among folders are left out.
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { report } from 'node-zest';
 * const { html, runs } = await report(['runs/film']);
 * await writeFile('report.html', html);
 * console.log(runs.length); // 1
 *
 * @throws ERR_ZEST_RUN for a folder without a run, ERR_ZEST_FILE for one that cannot be read, ERR_ZEST_ARGUMENT
 * without any
 * @function
 */
export const report = withoutOptions(async (given: readonly string[]): Promise<Report> => {
  const expected = 'an array of the folders of runs';
  const each = (path: unknown): string => {
    if (typeof path === 'string') return path;
    throw typeError('ERR_ZEST_ARGUMENT', `paths is ${show(given)}; expected ${expected}`);
  };
  const paths = checkedList(given, { name: 'paths', code: 'ERR_ZEST_ARGUMENT', expected, each });
  if (paths.length === 0) throw rangeError('ERR_ZEST_ARGUMENT', 'paths is empty; expected the folder of a run');
  const found = await findRuns(paths);
  // Where there is nothing else, a file is at fault.
  const folders = found.folders.length > 0 ? found.folders : found.files;
  const real = await Promise.all(folders.map((path) => realpath(path).catch(() => resolve(path))));
  const distinct = folders.filter((_, i) => real.indexOf(real[i]!) === i);
  const names = distinctNames(distinct.map((path) => resolve(path)));
  const runs: RunRecord[] = [];
  for (const [i, path] of distinct.entries()) runs.push(await readRun(path, names[i]!));

  const overviews = runs.map(overview);
  const groups = seedGroups(runs);
  const axes = progressAxes(runs);
  const figures = runFigures(runs, groups, axes);
  const configs = withWholeValues(runs.map(({ config }) => new Map([...config].filter(([key]) => key !== 'output'))));
  const colors = runStyles(runs, groups).map(({ color }) => color);
  const sweeps = await sweepSections(paths);
  const title = runs.length === 1 ? `Run ${names[0]}` : `${runs.length} runs`;
  const shared = groups.length > 0 ? ' Runs that differ in their seed alone share a colour and a label.' : '';
  const repeated = Math.max(...colors) >= COLORS ? ` Colours repeat after ${COLORS}, with dashed lines.` : '';
  const body = [
    `<header><h1>${escaped(title)}</h1><p class="quiet">node-zest ${escaped(version)}, ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC</p></header>`,
    ...sweeps,
    summarySection(runs, overviews, groups, colors),
    controls(runs, axes, colors),
    `<section><h2>Charts</h2><p class="quiet">Thick lines of steps are the mean over ${100 * 2 * SMOOTHING} % of a run’s steps, faint ones single steps; where there are more than fit, the faint band goes from the smallest to the largest of those that a point stands for.${shared}${repeated}</p>`,
    figures.length
      ? `<div class="charts">${figures.map(({ html }) => html).join('')}</div>`
      : '<p>No step and no evaluation yet.</p>',
    '</section>',
    taskReportsSection(runs, colors),
    comparisonSection(runs, compared(configs), { title: 'Configuration', all: 'All settings are the same.' }),
    comparisonSection(runs, environment(runs), { title: 'Environment', all: 'All runs were made alike.' }),
  ].join('\n');
  return {
    html: await page({ title: `${title} · node-zest`, body, charts: figures.flatMap(({ chart }) => chart ?? []) }),
    runs: overviews,
    files: found.files,
  };
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runStyles, withWholeValues } from '../../lib/report/compare-runs.ts';
import { report } from '../../lib/report/report.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { configText, evaluationLine, finished, metricLines, stepLine, writeRun } from './runs.ts';

const scratch = scratchFolder();

/** The text of a page without its marks, script and style. */
const textOf = (html: string) =>
  html
    .replace(/<(style|script)[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

describe('the report of a sweep', () => {
  it('says which point is best, and its score on the test data', async () => {
    const folder = join(scratch, 'sweep');
    mkdirSync(folder);
    for (const seed of [1, 2]) {
      await writeRun(join(folder, `rate=1_seed=${seed}`), {
        metrics: metricLines(40, 2, 10),
        config: configText('mezo', seed, 40),
        summary: { ...finished(40, 2), test: undefined },
      });
    }
    const point = (value: number, accuracy: number) => ({
      name: `rate=${value}`,
      values: { 'optimizer.learningRate': value },
      runs: [`rate=${value}_seed=1`, `rate=${value}_seed=2`],
      failed: 0,
      validation: { accuracy: { mean: accuracy, deviation: 0.02 }, loss: { mean: 0.5, deviation: 0.1 } },
      forwards: 80,
    });
    const test = { accuracy: { mean: 0.629, deviation: 0.025 }, loss: { mean: 0.6, deviation: 0.1 } };
    const points = [point(2, 0.55), { ...point(1, 0.65), test }];
    writeFileSync(join(folder, 'sweep.json'), JSON.stringify({ metric: 'accuracy', best: 'rate=1', points, runs: [] }));
    const text = textOf((await report([folder, `${folder}/`])).html);
    expect(text.match(/Best by validation/g)).toHaveLength(1);
    expect(text).toContain('Best by validation: rate=1, accuracy 65.0 ± 2.0 %; on the test data 62.9 ± 2.5 %.');
    expect(text).toMatch(/ 1 2 65\.0 ± 2\.0 % 0\.5 ± 0\.1 62\.9 ± 2\.5 % 80 2 2 55\.0 ± 2\.0 % 0\.5 ± 0\.1 – 80 /);
    // Of both seeds one label, in one colour.
    expect(text).toContain('Runs that differ in their seed alone share a colour and a label.');
    writeFileSync(join(folder, 'sweep.json'), '{"metric": "accuracy", "points": [3]}');
    expect(textOf((await report([folder])).html)).not.toContain('Best by validation');
  });
});

describe('runs of a report', () => {
  it('have a value whole whose keys have dots of their own', async () => {
    const folders = await Promise.all(
      ['x', 'y'].map((label) =>
        writeRun(join(scratch, label), {
          metrics: metricLines(4, 2, 2),
          config: `${configText('mezo', 1, 4)}data: {labels: {a.b: ${label}, a: z}}\n`,
          summary: finished(4, 2),
        }),
      ),
    );
    const text = textOf((await report(folders)).html).replaceAll('&quot;', '"');
    expect(text).toContain('data.labels {"a.b":"x","a":"z"} {"a.b":"y","a":"z"}');
  });

  it('share the colour of their point, whose name stands once', () => {
    const runs = ['a1', 'b', 'a2', 'c'].map((name) => ({ name }));
    expect(runStyles(runs, [{ name: 'a', runs: [0, 2] }])).toEqual([
      { color: 0, label: 'a' },
      { color: 1, label: 'b' },
      { color: 0, label: '' },
      { color: 2, label: 'c' },
    ]);
  });

  it('are compared by whole settings, where one has keys within another', () => {
    const maps = [
      new Map([
        ['tilt', '0'],
        ['rho', '1e-3'],
      ]),
      new Map([
        ['tilt.tau', '1'],
        ['rho', '1e-3'],
      ]),
      new Map([
        ['law.lowRank', '2'],
        ['law.seed', '3'],
        ['tilt', '2'],
      ]),
      new Map([['law', 'sphere']]),
    ];
    expect(withWholeValues(maps)).toEqual([
      new Map([
        ['tilt', '0'],
        ['rho', '1e-3'],
      ]),
      new Map([
        ['tilt', '{tau: 1}'],
        ['rho', '1e-3'],
      ]),
      new Map([
        ['law', '{lowRank: 2, seed: 3}'],
        ['tilt', '2'],
      ]),
      new Map([['law', 'sphere']]),
    ]);
  });

  it('that diverged or learned nothing are seen in the table, with all metrics of their task', async () => {
    const warning = (code: string) => ({ kind: 'warning', code, message: `${code} it is` });
    const line = { ...evaluationLine(0, 2, 0.5), f1: 0.4, matthews: 0.1 };
    const metrics = [line, stepLine(1, 2, 1), warning('WARN_ZEST_DIVERGED'), stepLine(2, 2, 1)];
    const going = await writeRun(join(scratch, 'going'), { metrics, config: configText('mezo', 1, 4) });
    const end = { ...finished(2, 2), warnings: [warning('WARN_ZEST_UNTRAINED')] };
    const ended = await writeRun(join(scratch, 'ended'), { metrics, config: configText('mezo', 2, 2), summary: end });
    const { html, runs } = await report([going, ended]);
    expect(textOf(html)).toMatch(/ going running: last line \d+ s ago, diverged 50\.0 %, F1 40\.0 %, Matthews 0\.1 /);
    expect(textOf(html)).toMatch(/ ended finished: learned nothing 50\.0 %/);
    expect(runs[0]?.measures.before).toEqual({ accuracy: 0.5, f1: 0.4, matthews: 0.1 });
    // Told during the run and at its end, it is one warning.
    const twice = await writeRun(join(scratch, 'twice'), { metrics: [...metrics, warning('WARN_ZEST_DIVERGED')] });
    expect(textOf((await report([twice])).html)).not.toContain('2 runs were warned');
  });
});

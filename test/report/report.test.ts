import { appendFile, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Report, report } from '../../lib/report/report.ts';
import type { RunOverview } from '../../lib/report/summary.ts';
import { lockFolder } from '../../lib/runs/lock.ts';
import { zest } from '../cli/zest.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { reviewConfig, reviewFolder, run } from '../training/runs.ts';
import { configText, evaluationLine, finished, metricLines, type RunFiles, stepLine, writeRun } from './runs.ts';

const scratch = scratchFolder();
let folders = 0;
const folderOf = (files: RunFiles) => writeRun(join(scratch, `run${folders++}`), files);

/** The report of one run of these files, alone. */
const reportOf = async (files: RunFiles, secondsAgo = 0): Promise<Report & { only: RunOverview }> => {
  const folder = await folderOf(files);
  if (files.metrics) {
    const then = Date.now() / 1000 - secondsAgo;
    await utimes(join(folder, 'metrics.jsonl'), then, then);
  }
  const made = await report([folder]);
  expect(made.html.replaceAll('stream 5 is NaN', '')).not.toMatch(/NaN[^=]|undefined|\[object/);
  return { ...made, only: made.runs[0]! };
};

const whole: RunFiles = {
  metrics: metricLines(40, 2, 10),
  config: configText('mezo', 1, 40),
  summary: finished(40, 2),
};

/** Numbers of the charts' series, as the script has them. */
const dataOf = (html: string) =>
  JSON.parse(html.match(/<script type="application\/json" id="data">(.*?)<\/script>/s)![1]!);

describe('a report', () => {
  it('says what a run reached', async () => {
    const { only } = await reportOf(whole);
    expect(only).toEqual({
      path: expect.stringContaining('run'),
      name: expect.stringMatching(/^run\d+$/),
      status: 'finished',
      detail: '',
      steps: 40,
      forwards: 80,
      seconds: 4,
      metric: 'accuracy',
      before: 0.5,
      best: 0.9,
      last: 0.9,
      test: 0.75,
      measures: {
        before: { accuracy: 0.5 },
        best: { accuracy: 0.9 },
        last: { accuracy: 0.9 },
        test: { accuracy: 0.75 },
      },
      warnings: [],
      notes: [],
    });
  });

  it('is in the metric that the task names first', async () => {
    const measured = (step: number, f1: number, matthews: number) => ({
      ...evaluationLine(step, 2, 0.6),
      f1,
      matthews,
    });
    const steps = metricLines(20, 2, 30).filter(({ kind }) => kind === 'step');
    const metrics = [measured(0, 0.1, -0.25), ...steps, measured(20, 0.75, 0.5)];
    const of = (task: string) => reportOf({ metrics, config: `${task}\n${configText('zest', 1, 20)}` });
    const f1 = await of('task: { template: "{text} {mask}", labelWords: [a, b], metrics: [f1, accuracy] }');
    expect(f1.only).toMatchObject({ metric: 'f1', before: 0.1, best: 0.75, last: 0.75, test: null });
    expect(f1.html).toContain('Scores are F1; ');
    const matthews = await of('task: cola');
    expect(matthews.only).toMatchObject({ metric: 'matthews', best: 0.5 });
    expect(matthews.html).toMatch(/<td[^>]*>0\.5<\/td>/);
    for (const task of ['task: unheard-of', 'task: { metrics: [recall] }', 'task: { metrics: 3 }']) {
      expect((await of(task)).only).toMatchObject({ metric: 'accuracy', last: 0.6 });
    }
  });

  it('tells what runs were warned of, a kind once', async () => {
    const warning = (tau: string) => ({ kind: 'warning', code: 'WARN_ZEST_TILT', message: `tau is <${tau}>` });
    const folders = [await folderOf(whole)];
    for (const tau of ['1e-5', '2e-5']) {
      folders.push(await folderOf({ ...whole, metrics: [warning(tau), ...whole.metrics!] }));
    }
    const { html, runs } = await report(folders);
    expect(runs.map(({ warnings }) => warnings.length)).toEqual([0, 1, 1]);
    expect(html).toContain(': warning: tau is &lt;1e-5&gt; (WARN_ZEST_TILT); 2 runs were warned of this');
    expect(html).not.toContain('tau is &lt;2e-5');
  });

  it('of the folder of a sweep is that of the runs in it', async () => {
    const sweep = join(scratch, 'sweep');
    for (const seed of [2, 1]) await writeRun(join(sweep, `seed=${seed}`), whole);
    await mkdir(join(sweep, 'notes'));
    await writeFile(join(sweep, 'sweep.json'), '{}');
    const { runs } = await report([sweep, join(sweep, 'seed=2')]);
    expect(runs.map(({ name }) => name)).toEqual(['seed=1', 'seed=2']);
    await rejects(() => report([join(sweep, 'notes')]), 'ERR_ZEST_RUN', /notes/);
  });

  it('of what `runs/*` names has all runs under it, and leaves out files', async () => {
    const runs = join(scratch, 'runs');
    const page = join(runs, 'report.html');
    await writeRun(join(runs, 'one'), whole);
    await writeRun(join(runs, 'experiments', 'afinn', 'mezo', '0.001', '2'), whole);
    await writeRun(join(runs, 'one', 'within'), whole);
    await writeFile(page, 'of before');
    const found = await report(['one', 'experiments', 'report.html'].map((name) => join(runs, name)));
    expect(found.runs.map(({ name }) => name)).toEqual(['one', '2']);
    expect(found.files).toEqual([page]);
    await rejects(() => report([page]), 'ERR_ZEST_RUN', /report\.html is not the folder of a run/);
    await rejects(() => report([join(runs, 'one'), join(runs, 'typo')]), 'ERR_ZEST_RUN', /typo is not there/);
    const output = join(scratch, 'all.html');
    const { status, stderr } = await zest(['report', join(runs, 'one'), page, '--output', output]);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: `${page} is left out: it is a file, and a run is a folder\n1 run in ${output}\n`,
    });
  });

  it('of a run that was trained here has all of its steps', async () => {
    const folder = await reviewFolder();
    onTestFinished(() => rm(folder, { recursive: true }));
    const config = reviewConfig(folder, 'run');
    await run(config);
    const { html, runs } = await report([config.output]);
    expect(runs[0]).toMatchObject({ status: 'finished', steps: 6, forwards: 24, notes: [] });
    const charts = dataOf(html).charts.map(({ id, series }: { id: string; series: { y: number[] }[] }) => [
      id,
      series[0]!.y.length,
    ]);
    expect(Object.fromEntries(charts)).toEqual({
      'validation-accuracy': 4,
      'validation-loss': 4,
      'training-loss': 6,
      tilt: 6,
      tau: 6,
      'effective-sample-size': 6,
      'coefficient-spread': 6,
      'gradient-norm': 6,
      'curvature-share': 6,
      'learning-rate': 6,
    });
    expect(html).toContain(process.version);
  });

  it('shows effective sample size as a share of the evaluations of a step', async () => {
    const { html } = await reportOf(whole);
    const chart = dataOf(html).charts.find(({ id }: { id: string }) => id === 'effective-sample-size');
    expect(new Set(chart.series[0].y)).toEqual(new Set([0.5]));
  });

  it('compares runs: only what differs, a column each, and seeds together', async () => {
    const files = (method: 'mezo' | 'zest', seed: number): RunFiles => ({
      ...whole,
      config: configText(method, seed, 40),
    });
    const paths = await Promise.all([files('mezo', 1), files('mezo', 2), files('zest', 1)].map(folderOf));
    const { html } = await report(paths);
    const [, table] = html.match(/<caption>What differs<\/caption>(.*?)<\/table>/s)!;
    expect(table!.match(/<th scope="row">[^<]*/g)).toEqual([
      '<th scope="row">optimizer.method',
      '<th scope="row">training.seed',
    ]);
    expect(html).toContain('90.0 ± 0.0 %');
    expect(html).toContain('id="seeds"');
  });

  it('loads nothing, and lets only its own script run', async () => {
    const { html } = await reportOf(whole);
    expect(html).not.toMatch(/https?:|src=|@import|url\((?!#)/);
    expect(html).toMatch(/default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[^']+'/);
  });

  it('of ten runs of 4,000 steps stays below a megabyte', async () => {
    const noise = (i: number) => Math.abs(Math.sin(i * 12.9898) * 43758.5453) % 1;
    const metrics = Array.from({ length: 4000 }, (_, i) => ({
      ...stepLine(i + 1, 10, 0.3 + noise(i)),
      tilt: 100 * noise(i + 0.1),
      tau: noise(i + 0.2),
      effectiveSampleSize: 1 + 9 * noise(i + 0.3),
      gradientNorm: 1e4 * noise(i + 0.4),
      coefficientSpread: noise(i + 0.5),
    }));
    const paths = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        folderOf({ metrics: [...metrics, evaluationLine(4000, 10, 0.8)], config: configText('zest', i, 4000) }),
      ),
    );
    const { html, runs } = await report(paths);
    expect(runs).toHaveLength(10);
    expect(Buffer.byteLength(html)).toBeLessThan(1_000_000);
  });
});

describe('a report of a run that', () => {
  const going: RunFiles = { metrics: metricLines(20, 2, 10), config: configText('mezo', 1, 40) };

  it('goes on says so, and leaves out half a last line', async () => {
    const folder = await folderOf(going);
    await appendFile(join(folder, 'metrics.jsonl'), '{"kind":"step","step":21,"meanL');
    const { runs, html } = await report([folder]);
    expect(runs[0]).toMatchObject({ status: 'running', steps: 20, notes: [] });
    expect(runs[0]!.detail).toMatch(/^last line \d+ s ago$/);
    expect(html).toContain('20 of 40');
  });

  it('goes on is never taken for killed, however long it is silent', async () => {
    const folder = await folderOf(going);
    const then = Date.now() / 1000 - 7200;
    await utimes(join(folder, 'metrics.jsonl'), then, then);
    const lock = await lockFolder(folder);
    expect((await report([folder])).runs[0]).toMatchObject({ status: 'running', detail: 'last line 2 h ago' });
    await lock.close();
    expect((await report([folder])).runs[0]).toMatchObject({ status: 'failed' });
    await (await lockFolder(folder)).close();
  });

  it('was killed', async () => {
    const { only } = await reportOf(going, 7200);
    expect(only).toMatchObject({ status: 'failed', steps: 20 });
    expect(only.detail).toBe(
      'no end, and no line for 2 h: it was killed, or its program left it; zest train --resume goes on',
    );
    // On its own machine it would have the lock.
    const start = { kind: 'start', steps: 40, environment: { host: hostname() } };
    const metrics = [start, ...going.metrics!];
    expect((await reportOf({ ...going, metrics })).only).toMatchObject({ status: 'failed', steps: 20 });
    const elsewhere = { ...start, environment: { host: `${hostname()}-2` } };
    expect((await reportOf({ ...going, metrics: [elsewhere, ...going.metrics!] })).only.status).toBe('running');
  });

  it('is silent while it evaluates, as it was before', async () => {
    // A pause of a minute in what it has written so far.
    const metrics = [stepLine(1, 2, 1, 60), stepLine(2, 2, 1, 61)];
    expect((await reportOf({ ...going, metrics }, 250)).only.status).toBe('running');
    expect((await reportOf({ ...going, metrics }, 350)).only.status).toBe('failed');
  });

  it('failed', async () => {
    const failure = {
      kind: 'failure',
      step: 20,
      message: 'the loss at stream 5 is NaN',
      code: 'ERR_ZEST_LOSS_NOT_FINITE',
    };
    const { only, html } = await reportOf({ ...going, metrics: [...going.metrics!, failure] });
    expect(only).toMatchObject({ status: 'failed', detail: failure.message, steps: 20 });
    expect(html).toContain('failed: the loss at stream 5 is NaN');
  });

  it('was interrupted', async () => {
    const { only } = await reportOf({ ...going, summary: { ...finished(20, 2), interrupted: true } });
    expect(only).toMatchObject({ status: 'interrupted', steps: 20 });
  });

  it('has taken no step yet, or has not even begun to write', async () => {
    for (const metrics of [undefined, [], [evaluationLine(0, 2, 0.5)], [{ kind: 'start', steps: 40 }]]) {
      const { only } = await reportOf({ ...going, metrics });
      expect(only).toMatchObject({
        status: 'running',
        steps: 0,
        forwards: 0,
        best: metrics?.length === 1 && 'split' in metrics[0]! ? 0.5 : null,
      });
    }
  });

  it('has numbers that cannot be', async () => {
    const metrics = [
      { ...stepLine(1, 2, 1e308), forwards: 1e308, seconds: -5, tilt: -1e308, effectiveSampleSize: 1e300 },
      { ...stepLine(2, 2, -1e308), forwards: 'two', seconds: 1e300, tilt: 1e308 },
      { ...stepLine(3, 2, 5e-324), forwards: -1, constructor: 1, __proto__: 2 },
      '{"kind":"step","step":1e400}',
      evaluationLine(3, 2, -1e9),
    ];
    const config = 'optimizer: { directions: many }\n__proto__: { a: 1 }\n';
    const { html, only } = await reportOf({ metrics, config });
    expect(only).toMatchObject({ steps: 3, forwards: 30, seconds: 0.3, best: -1e9 });
    expect(html.match(/<svg.*<\/svg>/s)![0]).not.toContain('Infinity');
  });

  it('was evaluated after every step', async () => {
    const { html } = await reportOf({ ...whole, metrics: metricLines(3000, 2, 1) });
    const chart = dataOf(html).charts.find(({ id }: { id: string }) => id === 'validation-accuracy');
    expect(chart.series[0].y).toHaveLength(143);
    expect(html.length).toBeLessThan(150_000);
  });

  it('has losses that are not numbers', async () => {
    // JSON.stringify writes NaN as null.
    const metrics = [1, 2, 3, 4, 5, 6].map((step) => stepLine(step, 2, step === 3 || step === 4 ? null : 1 / step));
    const { html, only } = await reportOf({ ...going, metrics });
    expect(only.steps).toBe(6);
    const loss = dataOf(html).charts.find(({ id }: { id: string }) => id === 'training-loss');
    expect(loss.series[0].y).toEqual([1, 0.5, null, null, 0.2, 0.16667]);
    expect(html.match(/<svg id="training-loss".*?<\/svg>/s)![0].match(/<polyline class="line"/g)).toHaveLength(2);
    const all = await reportOf({ ...going, metrics: [stepLine(1, 2, null)] });
    expect(all.html).not.toContain('<svg id="training-loss"');
  });

  it('was written by an older version: no forwards, no coefficient spread', async () => {
    const metrics = metricLines(20, 10, 10).map(({ forwards, coefficientSpread, ...line }) => line);
    const old = await reportOf({ metrics, config: configText('zest', 1, 20) });
    expect(old.only).toMatchObject({ steps: 20, forwards: 200 });
    expect(old.html).not.toContain('<svg id="coefficient-spread"');
    const counted = await reportOf({ metrics, summary: { steps: 20, forwards: 120 } });
    expect(counted.only.forwards).toBe(120);
    // Beside one that has the spread.
    const both = await report([await folderOf({ metrics }), await folderOf(whole)]);
    const chart = dataOf(both.html).charts.find(({ id }: { id: string }) => id === 'coefficient-spread');
    expect(chart.series).toHaveLength(1);
  });

  it('was written by a later version: other keys, other kinds, other metrics', async () => {
    const metrics = [
      { kind: 'weather', step: 3, sun: true },
      ...metricLines(20, 2, 10).map((line) => ({ ...line, novel: { deep: [1] }, matthews: 0.25 })),
    ];
    const summary = { ...finished(20, 2), novel: [{ a: 1 }], kept: null, test: { matthews: 0.1 } };
    const { html, only } = await reportOf({ ...going, metrics, summary });
    expect(only).toMatchObject({ status: 'finished', steps: 20, test: null, notes: [] });
    expect(html).toContain('<svg id="validation-matthews"');
  });

  it('was resumed: its steps are there once, and its clock goes on', async () => {
    const metrics = [1, 2, 3, 4].map((step) => stepLine(step, 2, step, step));
    const again = [3, 4, 5].map((step) => stepLine(step, 2, 10 * step, step - 2));
    const { html, only } = await reportOf({ ...going, metrics: [...metrics, evaluationLine(4, 2, 0.6), ...again] });
    expect(only).toMatchObject({ steps: 5, seconds: 5, best: null });
    const loss = dataOf(html).charts.find(({ id }: { id: string }) => id === 'training-loss');
    expect(loss.series[0].y).toEqual([1, 2, 30, 40, 50]);
  });

  it('has files that are broken', async () => {
    const { only } = await reportOf({
      metrics: [
        'not JSON',
        '',
        '[1]',
        stepLine(1, 2, 0.5),
        '{"kind":"step","step":"two"}',
        '{"kind":"step","step":-1}',
        'null',
      ],
      config: 'a: [1\n',
      summary: '{"steps": 4',
    });
    expect(only.notes).toEqual([
      'Its config.yaml is not readable.',
      'Its summary.json is not readable.',
      '3 lines of its metrics.jsonl could not be read.',
    ]);
    expect(only.steps).toBe(1);
    expect((await reportOf({ summary: '[]', config: 'just text' })).only.notes).toHaveLength(2);
  });
});

describe('report refuses', () => {
  it('what is no run, by name', async () => {
    const empty = join(scratch, 'empty');
    await mkdir(empty);
    const good = await folderOf(whole);
    const isNone = /empty is not the folder of a run: it has no metrics\.jsonl, config\.yaml or summary\.json$/;
    await rejects(() => report([good, empty]), 'ERR_ZEST_RUN', isNone);
    await rejects(() => report([join(scratch, 'none')]), 'ERR_ZEST_RUN', /none is not there: /);
    await rejects(
      () => report([join(good, 'config.yaml')]),
      'ERR_ZEST_RUN',
      /config\.yaml is a configuration; expected the folder of a run: name the run, /,
    );
    await mkdir(join(empty, 'metrics.jsonl'));
    await rejects(() => report([empty]), 'ERR_ZEST_FILE', /^cannot read .*metrics\.jsonl: EISDIR/);
  });

  it('arguments that are no paths', async () => {
    await rejects(() => report([]), 'ERR_ZEST_ARGUMENT', /paths is empty/);
    await rejects(() => report('runs' as never), 'ERR_ZEST_ARGUMENT', /an array of the folders/);
    await rejects(() => report([3] as never), 'ERR_ZEST_ARGUMENT', /an array of the folders/);
  });
});

describe('zest report', () => {
  it('writes the page, in place of one that is there, with a run named twice once', async () => {
    const folder = await folderOf(whole);
    const output = join(scratch, 'out.html');
    await writeFile(output, 'old');
    const { status, stdout, stderr } = await zest(['report', folder, `${folder}/`, '--output', output]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: `1 run in ${output}\n` });
    expect(await readFile(output, 'utf8')).toMatch(/^<!doctype html>/);
    const json = await zest(['report', folder, '--json', '--output', output]);
    expect(JSON.parse(json.stdout)).toMatchObject({ path: folder, status: 'finished', best: 0.9 });
  });

  it('says what is wrong', async () => {
    const folder = await folderOf(whole);
    expect(await zest(['report'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("missing required argument 'run'"),
    });
    const empty = join(scratch, 'no run');
    await mkdir(empty);
    expect(await zest(['report', empty])).toMatchObject({
      status: 2,
      stderr: `error: ${empty} is not the folder of a run: it has no metrics.jsonl, config.yaml or summary.json (ERR_ZEST_RUN)\n`,
    });
    for (const output of [join(scratch, 'none', 'report.html'), scratch]) {
      const { status, stderr } = await zest(['report', folder, '--output', output]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error: cannot write .* \(ERR_ZEST_FILE\)\n$/);
    }
    const beside = await readdir(dirname(scratch));
    expect(beside.filter((name) => name.startsWith(`${basename(scratch)}.`))).toEqual([]);
  });
});

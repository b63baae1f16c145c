import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { defaultJobs } from '../../lib/jobs/default-jobs.ts';
import { runJob } from '../../lib/jobs/process.ts';
import { chooseDevice, chooseThreads } from '../../lib/model/load-options.ts';
import type { ResumeEvent, TrainEvent } from '../../lib/runs/events.ts';
import type { SweepEvent, SweepOptions } from '../../lib/sweep/events.ts';
import { pointsOf, ranked, type SweepRun, shownValues } from '../../lib/sweep/results.ts';
import { sweep } from '../../lib/sweep/sweep.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { evaluate } from '../../lib/training/evaluate.ts';
import { train } from '../../lib/training/train.ts';
import { parseLines, start, zest } from '../cli/zest.ts';
import { readSummary, reviewConfig, reviewFolder, run } from '../training/runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const GRID = { 'optimizer.tilt': [0, { tau: 1 }], 'training.seed': [1, 2] };
const training = { steps: 4, batchSize: 8, maxLength: 32, evaluateEvery: 4 };
const configOf = (output: string) => ({ ...reviewConfig(folder, output), training });

const all = async (output: string, options: Partial<SweepOptions> = {}): Promise<SweepEvent[]> => {
  const events: SweepEvent[] = [];
  for await (const event of sweep(configOf(output), { grid: GRID, ...options })) events.push(event);
  return events;
};
const table = (output: string) => readFile(join(folder, output, 'sweep.json'), 'utf8');
const named = (events: SweepEvent[]) => events.flatMap((event) => (event.kind === 'run' ? event.run.name : []));

describe('the runs at a time of a sweep and of an experiment', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each([
    ['the CPU', ['cpu'], 'cuda:0', 3],
    ['what auto takes where a card can be used', ['auto', 'auto'], 'cuda:0', 1],
    ['what auto takes where none can', ['auto'], 'cpu', 3],
    ['a card', ['cuda'], 'cpu', 1],
    ['a card among others', ['cpu', 'cuda:1'], 'cpu', 1],
  ])('are one a thread, and one alone on a card: %s', (_, devices, automatic, jobs) => {
    vi.stubEnv('ZEST_THREADS', '3');
    expect(defaultJobs(devices, () => automatic)).toBe(jobs);
  });

  it('are those of this machine where nothing else is said', () => {
    expect(defaultJobs(['auto'])).toBe(chooseDevice('auto').name === 'cpu' ? chooseThreads(undefined) : 1);
  });
});

describe('a sweep', () => {
  it('is the runs that train would have made, compared by validation and tested where chosen', async () => {
    const events = await all('whole', { jobs: 2 });
    expect(events[0]).toMatchObject({ kind: 'start', runs: 4, finished: 0, steps: 16, jobs: 2 });
    const { result } = events.at(-1) as SweepEvent & { kind: 'done' };
    expect(JSON.parse(await table('whole'))).toEqual(result);
    expect(result.runs.map(({ name }) => name)).toEqual([
      'tilt=0_seed=1',
      'tilt=0_seed=2',
      'tilt=tau-1_seed=1',
      'tilt=tau-1_seed=2',
    ]);
    expect(result.points.map(({ name, forwards }) => [name, forwards])).toEqual([
      ['tilt=0', 16],
      ['tilt=tau-1', 16],
    ]);
    const alone = configOf('alone');
    const optimizer = { ...alone.optimizer, tilt: { tau: 1 } };
    await run({ ...alone, optimizer, training: { ...training, seed: 2 } });
    const { digest, validation } = await readSummary(alone.output);
    expect(result.runs[3]).toMatchObject({ status: 'done', digest, validation, steps: 4, forwards: 16 });

    const best = result.points.find(({ name }) => name === result.best);
    const losses = [];
    for (const name of best?.runs ?? []) {
      expect(await readSummary(join(folder, 'whole', name))).not.toHaveProperty('test');
      const overrides = [`data.test=${join(folder, 'test.jsonl')}`];
      for await (const score of evaluate(join(folder, 'whole', name), { overrides })) {
        if (score.split === 'test') losses.push(score.loss);
      }
    }
    expect(best?.test?.loss.mean).toBe((losses[0]! + losses[1]!) / 2);
    expect(result.points.filter(({ test }) => test)).toHaveLength(1);
  });

  it('is the same bytes after a kill in the middle of a run and of writing', async () => {
    const file = join(folder, 'killed.yaml');
    await writeFile(file, stringify({ ...configOf('killed'), training: { ...training, steps: 30 } }));
    const args = ['sweep', file, '--grid', 'optimizer.tilt=0,{tau: 1}', '--grid', 'training.seed=1,2', '--jobs', '1'];
    const first = start([...args, '--json']);
    await first.printed('"kind":"run"');
    await first.printed('"name":"tilt=0_seed=2","event":{"kind":"step","step":3');
    first.child.kill('SIGKILL');
    await first.finished;
    // What a process that was killed elsewhere may have left: parts of files, and a run without its configuration.
    await writeFile(join(folder, 'killed', 'tilt=0_seed=2', 'summary.json.partial'), '{"steps": ');
    await writeFile(join(folder, 'killed', 'tilt=0_seed=2', 'summary.json'), '{"steps": 30, "validat');
    const again = await zest(args);
    expect(again.status).toBe(2);
    expect(again.stderr).toContain('holds a run already; go on with --resume');
    const resumed = await zest([...args, '--resume', '--json']);
    expect(resumed.status).toBe(0);
    const [goesOn, ...others] = (parseLines(resumed.stdout) as SweepEvent[]).flatMap((event) =>
      event.kind === 'train' && event.event.kind === 'resume' ? [event] : [],
    );
    expect(goesOn?.name).toBe('tilt=0_seed=2');
    expect((goesOn?.event as ResumeEvent | undefined)?.step).toBeGreaterThanOrEqual(3);
    expect(others).toEqual([]);
    expect(resumed.stderr).toContain('4 runs in');
    expect(resumed.stderr).toContain('1 of them finished before');
    const whole = await zest([...args, '--output', join(folder, 'never-killed')]);
    expect(whole.status).toBe(0);
    expect(await table('killed')).toBe(await table('never-killed'));
    expect(whole.stderr).toMatch(/^optimizer\.tilt +runs +validation accuracy +loss +forwards$/m);
  });

  it('has its folder to itself, and leaves no run behind when it is killed', async () => {
    const file = join(folder, 'orphan.yaml');
    await writeFile(file, stringify({ ...configOf('orphan'), training: { ...training, steps: 100_000 } }));
    const running = start(['sweep', file, '--grid', 'training.seed=1', '--json']);
    await running.printed('"kind":"step"');
    const second = await zest(['sweep', file, '--grid', 'training.seed=1', '--resume']);
    expect(second.status).toBe(2);
    expect(second.stderr).toContain('orphan is being written to by another run; wait for its end');
    running.child.kill('SIGKILL');
    await running.finished;
    const metrics = join(folder, 'orphan', 'seed=1', 'metrics.jsonl');
    const settled = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return (await readFile(metrics, 'utf8')).length;
    };
    expect(await settled()).toBe(await settled());
    expect(await readdir(join(folder, 'orphan', 'seed=1'))).not.toContain('summary.json');
  });

  it('stops at Ctrl-C', async () => {
    const file = join(folder, 'stopped.yaml');
    await writeFile(file, stringify({ ...configOf('stopped'), training: { ...training, steps: 300 } }));
    // One at a time: the step that is waited for is the first run's.
    const args = ['sweep', file, '--grid', 'training.seed=1,2', '--jobs', '1', '--json'];
    const running = start(args);
    await running.printed('"kind":"step","step":2');
    running.child.kill('SIGINT');
    const { status, stderr } = await running.finished;
    expect(status).toBe(130);
    expect(stderr).toContain('stopped; --resume goes on');
    expect(stderr).not.toContain('error');
    expect(await readSummary(join(folder, 'stopped', 'seed=1'))).toMatchObject({ interrupted: true });
    await expect(table('stopped')).rejects.toThrow('ENOENT');
  });

  it('goes on where a run fails, and says so', async () => {
    const file = join(folder, 'failing.yaml');
    await writeFile(file, stringify(configOf('failing')));
    const { status, stderr, stdout } = await zest(['sweep', file, '--grid', 'data.shots=4,4000', '--json']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^shots=4000 failed: shots: 4000 rows of each class were asked for.* \(ERR_ZEST_SHOTS\)$/m);
    const { result } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(result.best).toBe('shots=4');
    expect(result.points[1]).toMatchObject({ failed: 1, validation: null, forwards: null });
  });

  it('refuses a folder with runs of another configuration, naming the key', async () => {
    await expect(all('whole', { resume: true, overrides: ['training.batchSize=4'] })).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: expect.stringContaining('training.batchSize 8 where 4 is asked for'),
    });
    const events = await all('whole', { resume: true, grid: { ...GRID, 'training.seed': [1, 3] } });
    expect(named(events).sort()).toEqual(['tilt=0_seed=3', 'tilt=tau-1_seed=3']);
  });

  it('takes no finished run of other data, which is a row that says so', async () => {
    const copy = join(folder, 'changing.jsonl');
    const rows = await readFile(join(folder, 'train.jsonl'), 'utf8');
    await writeFile(copy, rows);
    const options = { overrides: [`data.train=${copy}`, 'training.steps=1'], grid: { 'training.seed': [1] } };
    await all('changing', options);
    await writeFile(copy, rows.slice(rows.indexOf('\n') + 1));
    const again = (await all('changing', { ...options, resume: true })).at(-1);
    if (again?.kind !== 'done') throw new Error('no result');
    expect(again.result.points[0]).toMatchObject({ failed: 1, validation: null });
    expect(again.result.runs[0]).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/cannot go on as it began: what data.train names is of the digest .sha256:/),
    });
  });

  it('finds its runs under the names that they had in a smaller grid', async () => {
    const [mezo, zest, steep] = [{ method: 'mezo' }, { method: 'zest' }, { method: 'zest', tilt: 5 }].map((one) => ({
      ...one,
      learningRate: 1e-4,
    }));
    const before = await all('renamed', { grid: { optimizer: [mezo, zest] } });
    expect(named(before).sort()).toEqual(['optimizer=method-mezo', 'optimizer=method-zest']);
    // A folder on its way, as a kill leaves it.
    await rename(join(folder, 'renamed/optimizer=method-mezo'), join(folder, 'renamed/optimizer=method-mezo.moving'));
    const after = await all('renamed', {
      grid: { optimizer: [steep, zest, { ...steep, tilt: 7 }, mezo] },
      resume: true,
    });
    expect(after[0]).toMatchObject({ kind: 'start', runs: 4, finished: 2 });
    expect(named(after).sort()).toEqual(['optimizer=method-zest-tilt-5', 'optimizer=method-zest-tilt-7']);
    expect((await readdir(join(folder, 'renamed'))).sort()).toEqual([
      ...['optimizer=method-mezo', 'optimizer=method-zest', 'optimizer=method-zest-tilt-5'],
      ...['optimizer=method-zest-tilt-7', 'sweep.json'],
    ]);
    // Fewer keys tell those that are left apart.
    const fewer = await all('renamed', { grid: { optimizer: [{ ...steep, tilt: 7 }, zest] }, resume: true });
    expect(fewer[0]).toMatchObject({ runs: 2, finished: 2 });
    expect(await readdir(join(folder, 'renamed'))).toEqual(
      expect.arrayContaining(['optimizer=default', 'optimizer=tilt-7']),
    );
  });

  it('does not replace the table of another sweep unless asked', async () => {
    await expect(all('whole', { grid: { 'optimizer.rho': [1e-2] } })).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: `${join(folder, 'whole', 'sweep.json')} is there from another sweep; replace it with --resume, or name another output`,
    });
    expect(await readdir(join(folder, 'whole'))).not.toContain('rho=0.01');
  });

  it('tells why a run failed also where errors show their stack', async () => {
    const file = join(folder, 'debug.yaml');
    await writeFile(file, stringify(configOf('debug')));
    const { stderr } = await zest(['sweep', file, '--grid', 'data.shots=4000'], { ZEST_DEBUG: '1' });
    expect(stderr).toMatch(/^shots=4000 failed: shots: 4000 rows of each class were asked for/m);
  });

  it('stops a run that it is just starting', async () => {
    const config = resolveConfig({ ...configOf('starting'), training: { ...training, steps: 100_000 } });
    const stop = new AbortController();
    const events: TrainEvent[] = [];
    const job = runJob(config, { threads: 1, signal: stop.signal, onEvent: (event) => events.push(event) });
    const files = async () => (await readdir(config.output).catch(() => [])).join();
    while (!(await files()).includes('config.yaml')) await setImmediate();
    stop.abort();
    await job;
    expect(events).toEqual([]);
  });

  it.each([
    [{ overrides: ['data.test=/none.jsonl'] }, 'ERR_ZEST_DATA'],
    [{ jobs: 0 }, 'ERR_ZEST_OPTION'],
    [{ jobs: Number.NaN }, 'ERR_ZEST_OPTION'],
    [{ forwards: 1.5 }, 'ERR_ZEST_OPTION'],
    [{ grid: {} }, 'ERR_ZEST_CONFIG'],
  ])('refuses %j', async (options, code) => {
    await expect(all('refused', options)).rejects.toMatchObject({ code });
    expect(await readdir(folder)).not.toContain('refused');
  });

  it('and a run do not share a folder', async () => {
    const config = configOf('single');
    for await (const _ of train({ ...config, training: { ...training, steps: 1 } }));
    await expect(all('single')).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: expect.stringMatching(/single holds a run \(.*config\.yaml\); expected a folder of the sweep's own/),
    });
    const swept = train({ ...config, output: join(folder, 'whole') }, { overwrite: true });
    await expect(swept.next()).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: expect.stringMatching(/whole holds a sweep/),
    });
  });

  it('stops its runs when its reader leaves', async () => {
    const options = { grid: { 'training.seed': [1] }, overrides: ['training.steps=100000'] };
    for await (const event of sweep(configOf('left'), options)) {
      if (event.kind === 'train' && event.event.kind === 'step') break;
    }
    expect(await readSummary(join(folder, 'left', 'seed=1'))).toMatchObject({ interrupted: true });
  });
});

describe('points', () => {
  const done = (name: string, accuracy: number, loss: number) =>
    ({
      name,
      point: name[0],
      values: { a: name[0], 'x.seed': name[1] },
      status: 'done',
      forwards: 10,
      validation: { accuracy, loss, count: 9 },
    }) as unknown as SweepRun;
  const failed = (name: string) => ({ ...done(name, 0, 0), status: 'failed', error: 'no' }) as SweepRun;

  it('are means over seeds, ranked by accuracy, then loss, failures last', () => {
    const points = pointsOf([
      done('a1', 0.5, 1),
      done('a2', 0.75, 2),
      done('b1', 0.625, 1),
      failed('c1'),
      done('c2', 1, 0),
      failed('d1'),
    ]);
    expect(points[0]).toEqual({
      name: 'a',
      values: { a: 'a' },
      runs: ['a1', 'a2'],
      failed: 0,
      validation: {
        accuracy: { mean: 0.625, deviation: Math.sqrt(0.03125) },
        loss: { mean: 1.5, deviation: Math.sqrt(0.5) },
      },
      forwards: 10,
    });
    expect(ranked(points, 'accuracy').map(({ name }) => name)).toEqual(['b', 'a', 'c', 'd']);
  });

  it('are ranked by their loss where the same answers are right, however the mean was added up', () => {
    const of = (name: string, rights: number[], loss: number) =>
      rights.map((right, i) => done(`${name}${i}`, right / 212, loss));
    const points = pointsOf([...of('a', [196, 112, 127], 0.9), ...of('b', [201, 112, 122], 0.1)]);
    expect(ranked(points, 'accuracy').map(({ name }) => name)).toEqual(['b', 'a']);
  });

  it('are shown with what differs of whole objects', () => {
    const values = (...optimizers: unknown[]) => optimizers.map((optimizer) => ({ values: { optimizer } }));
    const zest = { method: 'zest', learningRate: 1e-4, tilt: { tau: 1 } };
    expect(
      shownValues(values(zest, { ...zest, tilt: 0 }, { method: 'mezo', learningRate: 1e-4 }), 'optimizer'),
    ).toEqual(['method: zest, tilt: {tau: 1}', 'method: zest, tilt: 0', 'method: mezo']);
    expect(shownValues(values({ tau: 1 }, 0, 'linear', ['bad', 'good']), 'optimizer')).toEqual([
      ...['{tau: 1}', '0', 'linear', '[bad, good]'],
    ]);
    expect(shownValues(values(zest), 'optimizer')).toEqual(['{method: zest, learningRate: 0.0001, tilt: {tau: 1}}']);
    expect(shownValues(values({ patience: null }, {}), 'optimizer')).toEqual(['patience: null', 'default']);
  });

  it('are ranked by the metric that is asked for', () => {
    const of = (name: string, accuracy: number, matthews: number) =>
      ({ ...done(name, accuracy, 1), validation: { accuracy, matthews, loss: 1, count: 9 } }) as unknown as SweepRun;
    const points = pointsOf([of('a1', 0.7, 0.1), of('a2', 0.7, 0.3), of('b1', 0.6, 0.4)]);
    expect(points[0]?.validation?.matthews).toEqual({ mean: 0.2, deviation: Math.sqrt(0.02) });
    expect(ranked(points, 'matthews').map(({ name }) => name)).toEqual(['b', 'a']);
    expect(ranked(points, 'accuracy').map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model } from '../../lib/model/model.ts';
import type { Summary, TrainEvent } from '../../lib/runs/events.ts';
import { findRuns } from '../../lib/runs/find.ts';
import { readRun } from '../../lib/runs/read.ts';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { openRun } from '../../lib/training/open-run.ts';
import { replayRun } from '../../lib/training/replay-run.ts';
import type { Config } from '../../lib/training/schema.ts';
import { train } from '../../lib/training/train.ts';
import { verifyRun } from '../../lib/training/verify-run.ts';
import { parseLines } from '../cli/zest.ts';
import { film } from '../fixtures/film.ts';
import { digestOf, ofKind, readMetrics, readSummary, replay, reviewConfig, reviewFolder, run } from './runs.ts';

const BUILT = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs, and does something once after a step. */
const meanwhile = async (config: Config, step: number, act: () => Promise<unknown>): Promise<void> => {
  for await (const event of train(config)) if (event.kind === 'step' && event.step === step) await act();
};

describe('a run whose files change meanwhile', () => {
  it('saves the tokenizer although the base has gone', async () => {
    const base = join(folder, 'base');
    await cp(film, base, { recursive: true });
    const { data, ...config } = reviewConfig(folder, 'baseless');
    const short = { ...config, model: base, data: { train: data.train } };
    await meanwhile(short, 1, () => rename(base, join(folder, 'elsewhere')));
    const last = join(config.output, 'checkpoints', 'last');
    expect((await Tokenizer.load(last)).vocabularySize).toBe((await Tokenizer.load(film)).vocabularySize);
    expect(await readFile(join(last, 'tokenizer.json'))).toEqual(await readFile(join(film, 'tokenizer.json')));
  });

  it.each([
    ['its folder', (output: string) => rm(output, { recursive: true }), /trajectory\.zest has been removed/],
    ['its log', (output: string) => rm(join(output, 'trajectory.zest')), /trajectory\.zest has been removed/],
  ])('fails where %s is removed', async (_, remove, message) => {
    const config = reviewConfig(folder, 'removed');
    await rm(config.output, { recursive: true, force: true });
    await expect(meanwhile(config, 3, () => remove(config.output))).rejects.toMatchObject({
      code: 'ERR_ZEST_FILE',
      message: expect.stringMatching(message),
    });
  });
});

/** Expects that whoever reads a folder finds the run that another was to replace, and that none takes its place unasked. */
const expectHeld = async (output: string, summary: Summary): Promise<void> => {
  const told: string[] = [];
  const { model, step } = await openRun(output, { onWarning: ({ code }) => told.push(code) });
  expect(step).toBe(summary.kept.step);
  model.dispose();
  expect(told).toContain('WARN_ZEST_REPLACED');
  const { model: last } = await replayRun(output);
  expect(await last.digest()).toBe(summary.digest);
  last.dispose();
  expect((await verifyRun(output)).map(({ isRight }) => isRight)).not.toContain(false);
  const { status, notes } = await readRun(output, 'run');
  expect({ status, notes }).toEqual({ status: 'finished', notes: [expect.stringMatching(/has no step yet/)] });
  expect((await findRuns([dirname(output)])).folders).toContain(output);
  await expect(run(reviewConfig(dirname(output), basename(output)))).rejects.toMatchObject({
    message: expect.stringMatching(/holds a run already/),
  });
};

describe('overwriting', () => {
  it('keeps the old run until the new one can begin', async () => {
    const config = reviewConfig(folder, 'old');
    await run(config);
    const summary = await readSummary(config.output);
    const before = (await readdir(config.output)).sort();
    for (const [optimizer, code] of [
      [{ ...config.optimizer, rho: 1e38 }, 'ERR_ZEST_LOSS_NOT_FINITE'],
      [{ ...config.optimizer, directions: 2_000_000 }, 'ERR_ZEST_CONFIG'],
    ] as const) {
      await expect(run({ ...config, optimizer }, { overwrite: true })).rejects.toMatchObject({ code });
      expect(await readSummary(config.output)).toEqual(summary);
      expect((await readdir(config.output)).sort()).toEqual(before);
    }
    expect(await digestOf(join(config.output, 'checkpoints', 'last'))).toBe(summary.digest);
  });

  it('puts a run back whose replacement was killed before it began, and removes one that was replaced', async () => {
    const config = reviewConfig(folder, 'half-replaced');
    await run(config);
    const summary = await readSummary(config.output);
    // As a process leaves it that is killed while it moves the old run aside.
    await mkdir(join(config.output, '.replaced'));
    for (const part of ['trajectory.zest', 'config.yaml', 'checkpoints']) {
      await rename(join(config.output, part), join(config.output, '.replaced', part));
      await expectHeld(config.output, summary);
    }
    await writeFile(join(config.output, 'config.yaml'), 'of the new run');
    expect(await run(config, { resume: true })).toEqual([{ kind: 'done', output: config.output, summary }]);
    expect((await replay(config.output)).after).toBe(summary.digest);
    await mkdir(join(config.output, '.replaced', 'checkpoints'), { recursive: true });
    await run(config, { overwrite: true });
    expect(await readdir(config.output)).not.toContain('.replaced');
  });

  it('does not replace a part that is a link, whose target it would neither keep nor remove', async () => {
    const config = reviewConfig(folder, 'linked');
    await run(config);
    const summary = await readSummary(config.output);
    const [part, elsewhere] = [join(config.output, 'checkpoints'), join(folder, 'checkpoints-elsewhere')];
    await rename(part, elsewhere);
    await symlink(elsewhere, part);
    await expect(run(config, { overwrite: true })).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: expect.stringMatching(/checkpoints is a link; expected a part of the run itself.*make the whole output/),
    });
    expect(await readSummary(config.output)).toEqual(summary);
    expect(await digestOf(join(part, 'last'))).toBe(summary.digest);
    // The folder of a run may be one.
    await rm(part);
    await rename(elsewhere, part);
    const link = join(folder, 'link');
    await symlink(config.output, link);
    await run({ ...config, output: link }, { overwrite: true });
    expect((await readdir(link)).sort()).toEqual((await readdir(config.output)).sort());
  });

  it('loses nothing before the new run has a step, whatever ends it', async () => {
    const config = reviewConfig(folder, 'kept');
    await run(config);
    const summary = await readSummary(config.output);
    const before = (await readdir(config.output)).sort();
    const expectOld = async () => {
      expect(await readSummary(config.output)).toEqual(summary);
      expect((await readdir(config.output)).sort()).toEqual(before);
      expect(await digestOf(join(config.output, 'checkpoints', 'last'))).toBe(summary.digest);
    };
    const other: Config = { ...config, optimizer: { ...config.optimizer, learningRate: 3e-5 } };
    const killed = join(folder, 'killed-before-a-step');
    // The caller goes, or is killed, which leaves what is there then.
    for await (const event of train(other, { overwrite: true })) {
      if (event.kind !== 'evaluation') continue;
      await cp(config.output, killed, { recursive: true });
      break;
    }
    await expectOld();
    await expectHeld(killed, summary);
    const resumed: TrainEvent[] = [];
    for await (const event of train(killed, { resume: true })) resumed.push(event);
    expect(resumed).toEqual([{ kind: 'done', output: killed, summary }]);
    expect((await readdir(killed)).sort()).toEqual(before);
    // It is stopped.
    const stopped = new AbortController();
    const events = train(other, { overwrite: true, signal: stopped.signal });
    await expect(
      (async () => {
        for await (const event of events) if (event.kind === 'start') stopped.abort(new Error('enough'));
      })(),
    ).rejects.toThrow('enough');
    await expectOld();
    // With a step it is what the folder holds.
    for await (const event of train(other, { overwrite: true })) if (event.kind === 'step') break;
    expect((await readTrajectory(join(config.output, 'trajectory.zest'))).updates).toHaveLength(1);
    expect(await readdir(config.output)).not.toContain('.replaced');
  });

  it.skipIf(!existsSync('/dev/full'))('loses nothing where the output cannot be written', async () => {
    const config = reviewConfig(folder, 'unwritable');
    await run(config);
    const summary = await readSummary(config.output);
    const full = openSync('/dev/full', 'w');
    const file = join(config.output, 'config.yaml');
    const args = [BUILT, 'train', file, '--overwrite', '--json'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', full, 'pipe'] });
    const said: string[] = [];
    child.stderr!.setEncoding('utf8').on('data', (text) => said.push(text));
    const [status] = await once(child, 'close');
    closeSync(full);
    expect(status).toBe(1);
    expect(said.join('')).toMatch(/error: .*the output cannot be written: .*no space.* \(ERR_ZEST_FILE\)/);
    expect(await readSummary(config.output)).toEqual(summary);
  });

  it('removes nothing that somebody put beside its own', async () => {
    const config = reviewConfig(folder, 'visited');
    await run(config);
    const summary = await readSummary(config.output);
    for (const mine of [join('.replaced', 'thesis.txt'), join('checkpoints', 'mine', 'notes.txt')]) {
      const file = join(config.output, mine);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, 'mine');
      await expect(run(config, { overwrite: true })).rejects.toMatchObject({
        code: 'ERR_ZEST_RUN',
        message: expect.stringMatching(
          /(\.replaced|mine) is none of the run's own; .* move it, or name another output$/,
        ),
      });
      await run(config, { resume: true });
      expect(await readFile(file, 'utf8')).toBe('mine');
      expect(await readSummary(config.output)).toEqual(summary);
      await rm(dirname(file), { recursive: true });
    }
  });

  it('leaves alone what is not of a run', async () => {
    const config = reviewConfig(folder, 'foreign');
    await mkdir(join(config.output, 'checkpoints'), { recursive: true });
    await writeFile(join(config.output, 'checkpoints', 'mine'), '');
    for (const overwrite of [true, false]) {
      await expect(run(config, { overwrite })).rejects.toMatchObject({
        code: 'ERR_ZEST_RUN',
        message: expect.stringMatching(/checkpoints is there, and .* no trajectory of a run; .*name another output$/),
      });
    }
    await rm(join(config.output, 'checkpoints'), { recursive: true });
    await writeFile(join(config.output, 'config.yaml'), 'server: { port: 80 }');
    await expect(run(config, { overwrite: true })).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: expect.stringMatching(/config\.yaml is there, and .* has no trajectory of a run/),
    });
    expect(await readFile(join(config.output, 'config.yaml'), 'utf8')).toBe('server: { port: 80 }');
  });
});

describe('weights and losses that are no numbers', () => {
  it('are not saved', async () => {
    const config = reviewConfig(folder, 'ruined');
    const { train: file } = config.data;
    const optimizer = { method: 'mezo', learningRate: 1e37 } as const;
    const training = { ...config.training, steps: 3, checkpointEvery: 1 };
    const ruined = { ...config, data: { train: file }, optimizer, training };
    const events: string[] = [];
    const failed = await (async () => {
      for await (const event of train(ruined)) events.push(event.kind);
    })().catch((error) => error);
    expect(failed.code).toMatch(/^ERR_ZEST_(WEIGHTS|LOSS)_NOT_FINITE$/);
    for (const name of await readdir(join(config.output, 'checkpoints')).catch(() => [])) {
      (await Model.load(join(config.output, 'checkpoints', name), { device: 'cpu' })).dispose();
    }
    expect((await readMetrics(config.output)).at(-1)).toMatchObject({ kind: 'failure', code: failed.code });
    await expect(readSummary(config.output)).rejects.toMatchObject({ code: 'ENOENT' });
    // The last step is judged, too.
    const once = { ...ruined, training: { ...training, steps: 1 }, output: join(folder, 'ruined-once') };
    await expect(run({ ...once, optimizer: { ...optimizer, learningRate: 1e38 } })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_ZEST_(WEIGHTS_NOT_FINITE|UPDATE)$/),
    });
    // No row is at fault, now or when it is gone on with.
    const scored = { ...ruined, data: config.data, training: { ...training, evaluateEvery: 1 } };
    for (const resume of [false, true]) {
      await expect(run({ ...scored, output: join(folder, 'ruined-scored') }, { resume })).rejects.toMatchObject({
        code: 'ERR_ZEST_LOSS_NOT_FINITE',
        message: expect.stringMatching(/^the weights of step 1 are ruined: .*:1: the model's scores are .* smaller/),
      });
    }
    // Finite ones may be of no use.
    const large = { ...optimizer, learningRate: 1e20 };
    const unscored = { ...scored, optimizer: large, training: { ...training, evaluateEvery: 100 } };
    for (const resume of [false, true]) {
      await expect(run({ ...unscored, output: join(folder, 'ruined-finite') }, { resume })).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_ZEST_(WEIGHTS|LOSS)_NOT_FINITE$/),
      });
      expect(await readdir(join(folder, 'ruined-finite', 'checkpoints'))).toEqual(['best']);
    }
    const most = { ...once, optimizer: { ...optimizer, learningRate: 1e44 }, output: join(folder, 'ruined-at-once') };
    await expect(run(most)).rejects.toMatchObject({
      code: 'ERR_ZEST_UPDATE',
      message: expect.stringMatching(/at a learning rate of 1e\+44; .*use a smaller learning rate$/),
    });
  });

  /** A method whose losses are not finite in some steps. */
  const failing = async (): Promise<string> => {
    const file = join(folder, 'failing.mjs');
    await writeFile(
      file,
      `import { defineMethod, z } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      export default defineMethod({
        name: 'failing', title: 'Failing', options: { from: z.int(), to: z.int() },
        streams: () => 1, forwards: () => 2, diagnostics: {},
        *estimate({ from, to }, { streams: [stream] }) {
          const scale = stream >= BigInt(from) && stream <= BigInt(to) ? 1e38 : 1e-3;
          const [a, b] = yield [{ stream, scale }, { stream, scale: -scale }];
          return { terms: [{ stream, coefficient: (a - b) / 2e-3 }], meanLoss: (a + b) / 2, diagnostics: {} };
        },
      });`,
    );
    return file;
  };

  it('skips steps where the configuration says so, and goes on from there the same', async () => {
    const method = await failing();
    const of = (name: string, onNonFinite: 'stop' | 'skip', to: number, steps = 8): Config => {
      const config = reviewConfig(folder, name);
      const optimizer = { method, learningRate: 1e-5, from: 2, to } as never;
      return { ...config, optimizer, training: { ...config.training, steps, onNonFinite } };
    };
    await expect(run(of('stopped', 'stop', 3))).rejects.toMatchObject({ code: 'ERR_ZEST_LOSS_NOT_FINITE' });
    expect((await readTrajectory(join(folder, 'stopped', 'trajectory.zest'))).updates).toHaveLength(2);
    const events = await run(of('skipped', 'skip', 3));
    const steps = ofKind(events, 'step');
    expect(steps.flatMap(({ step, skipped }) => (skipped === undefined ? [] : [step]))).toEqual([3, 4]);
    expect(steps[2]!.skipped).toMatch(/^the loss at the point of stream 2 is not finite/);
    expect(ofKind(events, 'warning').filter(({ code }) => code === 'WARN_ZEST_SKIPPED')).toHaveLength(1);
    const { updates } = await readTrajectory(join(folder, 'skipped', 'trajectory.zest'));
    expect(updates.map(({ terms }) => terms.length)).toEqual([1, 1, 0, 0, 1, 1, 1, 1]);
    const { digest } = await readSummary(join(folder, 'skipped'));
    expect((await replay(join(folder, 'skipped'))).after).toBe(digest);
    const left = of('skipped-left', 'skip', 3);
    for await (const event of train(left)) if (event.kind === 'step' && event.step === 4) break;
    await run(left, { resume: true });
    expect((await readSummary(left.output)).digest).toBe(digest);
    await expect(run(of('only-skipped', 'skip', 100, 40))).rejects.toMatchObject({ code: 'ERR_ZEST_LOSS_NOT_FINITE' });
    expect((await readTrajectory(join(folder, 'only-skipped', 'trajectory.zest'))).updates).toHaveLength(11);
  });

  it.each([
    ['a perturbation of 1e-8', { rho: 1e-8 }],
    ['a perturbation of 10', { rho: 10, learningRate: 1e-9 }],
    ['a tilt of 1e6', { tilt: 1e6 }],
  ])('are not made by %s', async (name, options) => {
    const config = reviewConfig(folder, name.replaceAll(' ', '-'));
    await run({ ...config, optimizer: { ...config.optimizer, ...options } });
    const { digest } = await readSummary(config.output);
    expect((await replay(config.output)).after).toBe(digest);
  });
});

describe('a disk that takes no more', () => {
  it.skipIf(process.platform === 'win32')(
    'loses nothing: what it took is whole, and the run goes on from it',
    async () => {
      const config = reviewConfig(folder, 'full');
      const { train: file } = config.data;
      const own: Config = {
        ...config,
        data: { train: file },
        training: { ...config.training, steps: 100, checkpointEvery: 40 },
      };
      const path = join(folder, 'full.json');
      await writeFile(path, JSON.stringify(own));
      // No file may grow beyond 24 KiB: metrics.jsonl does on the way, in the middle of a line, and each checkpoint would.
      const command = `ulimit -f 24; trap '' XFSZ; exec "${process.execPath}" "${BUILT}" train "${path}" --json`;
      const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
      const [stdout, stderr] = ['', ''];
      const texts = [stdout, stderr];
      child.stdout.on('data', (piece) => (texts[0] += piece));
      child.stderr.on('data', (piece) => (texts[1] += piece));
      const [status] = await once(child, 'close');
      expect(status).toBe(1);
      const events = parseLines(texts[0]!) as { kind: string; code?: string; step?: number }[];
      expect(events.filter(({ kind }) => kind === 'step').at(-1)!.step).toBe(100);
      const codes = events.filter(({ kind }) => kind === 'warning').map(({ code }) => code);
      expect(codes).toContain('WARN_ZEST_METRICS');
      expect(codes).toContain('WARN_ZEST_CHECKPOINT');
      expect(events.at(-1)).toMatchObject({ kind: 'error', code: 'ERR_ZEST_FILE' });
      // Every line is whole.
      const lines = (await readFile(join(config.output, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
      for (const line of lines) JSON.parse(line);
      expect(lines.length).toBeLessThan(100);
      await run(own, { resume: true });
      const alone = { ...own, output: join(folder, 'roomy') };
      await run(alone);
      const steps = async (output: string) =>
        (await readMetrics(output)).flatMap((line) => (line.kind === 'step' ? [line.meanLoss] : []));
      expect(await steps(config.output)).toEqual(await steps(alone.output));
      expect((await readSummary(config.output)).digest).toBe((await readSummary(alone.output)).digest);
    },
  );

  it('keeps the best weights although their checkpoint could not be written', async () => {
    // A rate at which the first score is the best.
    const config = reviewConfig(folder, 'unkept');
    const { train: file, validation } = config.data;
    const own = {
      ...config,
      data: { train: file, validation },
      optimizer: { ...config.optimizer, learningRate: 3e-2 },
      training: { ...config.training, steps: 6, evaluateEvery: 1, checkpointEvery: 2 },
    };
    const whole = { ...own, output: join(folder, 'never-unkept') };
    await run(whole);
    const { kept } = await readSummary(whole.output);
    expect(kept).toMatchObject({ name: 'best' });
    // What is in the way of the folder is gone by the end.
    const best = join(own.output, 'checkpoints', 'best');
    const codes: string[] = [];
    for await (const event of train(own)) {
      if (event.kind === 'warning') codes.push(event.code);
      if (event.kind === 'start') {
        await mkdir(dirname(best));
        await writeFile(best, '');
      }
      if (event.kind === 'step' && event.step === 6) await rm(best);
    }
    expect(codes).toContain('WARN_ZEST_CHECKPOINT');
    expect((await readSummary(own.output)).kept).toEqual(kept);
    expect(await digestOf(best)).toBe(await digestOf(join(whole.output, 'checkpoints', 'best')));
  });
});

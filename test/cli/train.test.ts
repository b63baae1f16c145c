import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import { digestOf, replay, reviewConfig, reviewFolder } from '../training/runs.ts';
import { MAIN, parseLines, start, zest } from './zest.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await reviewFolder();
  file = join(folder, 'run.yaml');
  await writeFile(file, stringify(reviewConfig(folder, 'run')));
});
afterAll(() => rm(folder, { recursive: true }));

const output = (name: string) => join(folder, name);
const readSummary = async (name: string) => JSON.parse(await readFile(join(output(name), 'summary.json'), 'utf8'));

/** The run's log leads to the digest of its summary, and so do its last weights. */
const expectWhole = async (name: string): Promise<void> => {
  const { steps, digest } = await readSummary(name);
  const { updates, tornBytes } = await readTrajectory(join(output(name), 'trajectory.zest'));
  expect({ updates: updates.length, tornBytes }).toEqual({ updates: steps, tornBytes: 0 });
  expect((await replay(output(name))).after).toBe(digest);
  expect(await digestOf(join(output(name), 'checkpoints', 'last'))).toBe(digest);
};

describe('zest train', () => {
  it('prints an object a line for programs, and lines for people', async () => {
    const { status, stdout, stderr } = await zest(['train', file, '--json', '--set', 'training.steps=4']);
    expect(status).toBe(0);
    const events = parseLines(stdout);
    expect(events.map(({ kind }) => kind)).toEqual(
      ['start', 'estimate', 'evaluation', 'checkpoint', 'step', 'step', 'evaluation'].concat(
        events.slice(7).map(({ kind }) => kind as string),
      ),
    );
    expect(events.filter(({ kind }) => kind === 'step')).toHaveLength(4);
    expect(events.at(-1)).toEqual({ kind: 'done', output: output('run'), summary: await readSummary('run') });
    expect(stderr).toContain(
      'roberta, 3,448,064 parameters, 3,448,064 of them trained, on cpu; 40 training, 24 validation, 30 test examples',
    );
    expect(stderr).toMatch(/^step 0: validation accuracy \d+\.\d %, loss \d\.\d{4}$/m);
    // With what the last step measured on the way.
    expect(stderr).toMatch(/^step [1-9]\d*: validation accuracy \d+\.\d %, loss \d\.\d{4}, .*curvature share \d/m);
    expect(stderr).toMatch(
      /^about .*: 16 forwards of .*, 3 evaluations of .*; memory about \d+ MB, 14 MB of it weights and \d+ MB activations$/m,
    );
    expect(stderr).toMatch(/^validation .* % → .* %, test .* % of 30$/m);
    expect(stderr).toMatch(/^4 steps, 16 forwards, /m);
    await expectWhole('run');
  });

  it('prints nothing on stdout without --json', async () => {
    const { stdout, status } = await zest([
      'train',
      file,
      '--set',
      'training.steps=1',
      '--set',
      `output=${output('quiet')}`,
    ]);
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  });

  it('refuses a folder that holds a run, unless told to replace it', async () => {
    const args = ['train', file, '--set', 'training.steps=1', '--set', `output=${output('twice')}`];
    expect((await zest(args)).status).toBe(0);
    const refused = await zest(args);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/^error: .*twice holds a run already .*option overwrite \(ERR_ZEST_RUN\)\n$/);
    expect((await zest([...args, '--overwrite'])).status).toBe(0);
  });

  it('ends with 1 where the run fails, and with 2 where what it was given is wrong', async () => {
    const data = await zest(['train', file, '--set', 'data.train=none.jsonl', '--set', `output=${output('failed')}`]);
    expect(data.status).toBe(2);
    expect(data.stderr).toMatch(/^error: none\.jsonl.* \(ERR_ZEST_DATA\)\n$/);
    const set = ['optimizer.learningRate=1e30', `output=${output('failed')}`].flatMap((one) => ['--set', one]);
    const failed = await zest(['train', file, '--json', ...set]);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(/^error: the loss at .* \(ERR_ZEST_LOSS_NOT_FINITE\)$/m);
    expect(parseLines(failed.stdout).at(-1)).toEqual({
      kind: 'error',
      code: 'ERR_ZEST_LOSS_NOT_FINITE',
      message: expect.stringMatching(/^the loss at /),
    });
  });

  it('is told at once where it cannot write', async () => {
    const { status, stderr } = await zest(['train', file, '--set', 'output=/proc/x/y']);
    expect(stderr).toMatch(/^error: cannot write \/proc\/x\/y: ENOENT.* \(ERR_ZEST_FILE\)\n$/);
    expect(status).toBe(1);
  });

  it('is ended by Ctrl-C with what was done on disk', async () => {
    const running = start([
      'train',
      file,
      '--json',
      '--set',
      'training.steps=100000',
      '--set',
      `output=${output('stopped')}`,
    ]);
    await running.printed('"step":3');
    running.child.kill('SIGINT');
    const { status, stdout, stderr } = await running.finished;
    expect(status).toBe(130);
    expect(stderr).toContain(`stopped; what was done is in ${output('stopped')}`);
    expect(stderr).not.toContain('error');
    const summary = await readSummary('stopped');
    expect(summary).toMatchObject({
      interrupted: true,
      steps: parseLines(stdout).filter(({ kind }) => kind === 'step').length,
    });
    await expectWhole('stopped');
    const evaluated = await zest(['evaluate', output('stopped'), '--json']);
    expect(parseLines(evaluated.stdout).map(({ split }) => split)).toEqual(['validation', 'test']);
  });

  it('ends like that when its reader goes away', async () => {
    const running = start([
      'train',
      file,
      '--json',
      '--set',
      'training.steps=100000',
      '--set',
      `output=${output('unread')}`,
    ]);
    await running.printed('"step":1');
    running.child.stdout?.destroy();
    const { status, stderr } = await running.finished;
    expect(status).toBe(130);
    expect(stderr).not.toMatch(/EPIPE|\n {4}at /);
    await expectWhole('unread');
  });

  it.skipIf(!existsSync('/dev/full'))('says so when its output cannot be written, and goes on later', async () => {
    const full = openSync('/dev/full', 'w');
    const args = ['train', file, '--json', '--set', 'training.steps=3', '--set', `output=${output('full')}`];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    const said = text(child.stderr!);
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(await said).toMatch(/^error: the output cannot be written: ENOSPC.* \(ERR_ZEST_FILE\)$/m);
    expect(await zest([...args, '--resume'])).toMatchObject({ status: 0 });
    expect(await readSummary('full')).toMatchObject({ steps: 3, interrupted: false });
  });

  it('killed without warning leaves a log that can be read, and what it saved', async () => {
    const running = start([
      'train',
      file,
      '--json',
      '--set',
      'training.steps=100000',
      '--set',
      `output=${output('crashed')}`,
    ]);
    await running.printed('"step":5');
    running.child.kill('SIGKILL');
    await running.finished;
    const { updates } = await readTrajectory(join(output('crashed'), 'trajectory.zest'));
    expect(updates.length).toBeGreaterThanOrEqual(5);
    const { status, stderr } = await zest(['evaluate', output('crashed')]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: .*crashed: the run has not got to its end: .* \(WARN_ZEST_UNFINISHED\)\n/);
  });
});

describe('zest evaluate', () => {
  it('scores the model as it came, or a run', async () => {
    const base = await zest(['evaluate', file, '--json']);
    expect(base.status).toBe(0);
    const scores = parseLines(base.stdout);
    expect(scores).toEqual([
      {
        kind: 'evaluation',
        split: 'validation',
        step: 0,
        accuracy: expect.any(Number),
        loss: expect.any(Number),
        count: 24,
        report: expect.any(Object),
      },
      {
        kind: 'evaluation',
        split: 'test',
        step: 0,
        accuracy: expect.any(Number),
        loss: expect.any(Number),
        count: 30,
        report: {
          classes: [
            {
              name: 'terrible',
              precision: expect.any(Number),
              recall: expect.any(Number),
              f1: expect.any(Number),
              count: 15,
            },
            {
              name: 'great',
              precision: expect.any(Number),
              recall: expect.any(Number),
              f1: expect.any(Number),
              count: 15,
            },
          ],
          macro: expect.any(Object),
          confusion: expect.any(Object),
          calibration: expect.any(Object),
          worst: expect.any(Array),
        },
      },
    ]);
    for (const title of ['class     precision', 'label \\\\ answer', 'expected calibration error', 'highest losses']) {
      expect(base.stderr).toMatch(new RegExp(`^  ${title}`, 'm'));
    }
    expect(base.stderr).toMatch(/^test: accuracy \d+\.\d %, loss \d\.\d{4}, 30 examples, the model as it came$/m);
    const part = await zest(['evaluate', file, '--json', '--set', `data.test=${join(folder, 'validation.jsonl')}`]);
    expect(parseLines(part.stdout)[1]).toEqual({ ...scores[0], split: 'test' });
  });

  it.each([
    ['ZEST_ISA', 'mmx', 'ERR_ZEST_ISA'],
    ['ZEST_THREADS', '0', 'ERR_ZEST_THREADS'],
    ['ZEST_NATIVE', '/none.node', 'ERR_ZEST_NO_BINARY'],
  ])('says what is wrong with %s', async (variable, value, code) => {
    const { status, stderr } = await zest(['evaluate', file], { [variable]: value });
    expect(stderr).toMatch(new RegExp(`^error: [^]*${variable}[^]* \\(${code}\\)\n$`));
    expect(status).toBe(code === 'ERR_ZEST_NO_BINARY' ? 1 : 2);
  });
});

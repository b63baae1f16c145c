import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { SharpnessReport } from '../../lib/sharpness/report.ts';
import { reviewConfig, reviewFolder } from '../training/runs.ts';
import { parseLines, start, zest } from './zest.ts';

let folder: string;
let file: string;
let run: string;
beforeAll(async () => {
  folder = await reviewFolder();
  file = join(folder, 'run.yaml');
  run = join(folder, 'run');
  await writeFile(file, stringify(reviewConfig(folder, 'run')));
  expect(
    (await zest(['train', file, '--set', 'optimizer.learningRate=1e-3', '--set', 'training.keepBest=false'])).status,
  ).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

const SHORT = ['--examples', '12', '--samples', '3', '--radii', '1e-3,1e-2', '--slice', '3'];
const written = async (name: string): Promise<SharpnessReport> =>
  JSON.parse(await readFile(join(name, 'sharpness.json'), 'utf8'));

describe('zest sharpness', () => {
  it('measures a run before and after, says beforehand how long, and writes the same bits again', async () => {
    const { status, stdout, stderr } = await zest(['sharpness', run, ...SHORT]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    const forwards = 2 * (2 + 2 * 3 * 3 + 9);
    expect(stderr).toMatch(
      new RegExp(`^before and after: ${forwards} forwards of 12 examples of train, 3,448,064 parameters perturbed\n`),
    );
    expect(stderr).toMatch(/^before \(step 0\): loss \d/m);
    expect(stderr).toMatch(/^after \(step 6\): loss \d/m);
    expect(stderr).toMatch(/^after − before, along the same directions: loss .*, trace .* ± /m);
    expect(stderr).not.toMatch(/\de\+/);
    const first = await readFile(join(run, 'sharpness.json'), 'utf8');

    const again = await zest(['sharpness', run, ...SHORT, '--json', '--output', join(folder, 'again')]);
    const [report, ...more] = parseLines(again.stdout) as unknown as [SharpnessReport];
    expect(more).toEqual([]);
    expect(`${JSON.stringify(report)}\n`).toBe(first);
    expect(await readFile(join(folder, 'again', 'sharpness.json'), 'utf8')).toBe(first);

    const page = (name: string) => readFile(join(name, 'sharpness.html'), 'utf8');
    expect(await page(run)).toContain('after the run');
    expect(await page(run)).toBe(await page(join(folder, 'again')));

    expect(report).toMatchObject({ kind: 'sharpness', source: run, split: 'train', examples: 12, seed: 0, samples: 3 });
    expect(report.measured.map(({ weights, step }) => [weights, step])).toEqual([
      ['before', 0],
      ['after', 6],
    ]);
    const [before, after] = report.measured;
    expect(before!.loss).not.toBe(after!.loss);
    expect(report.change!.loss).toBe(after!.loss - before!.loss);
    expect(before!.slice!.losses[1]![1]).toBe(before!.loss);
    expect(before!.radii.map(({ losses }) => losses.length)).toEqual([6, 6]);
    const other = await zestSeed(1);
    expect(other.measured[0]!.loss).toBe(before!.loss);
    expect(other.measured[0]!.trace.value).not.toBe(before!.trace.value);
  });

  const zestSeed = async (seed: number): Promise<SharpnessReport> => {
    const args = ['sharpness', run, ...SHORT, '--slice', '0', '--seed', `${seed}`, '--output', join(folder, 'other')];
    expect((await zest(args)).status).toBe(0);
    return written(join(folder, 'other'));
  };

  it('measures the model of a configuration, on any split, and writes files only where told', async () => {
    const args = ['sharpness', file, ...SHORT, '--split', 'validation', '--examples', '1000', '--json'];
    const { status, stdout } = await zest(args);
    expect(status).toBe(0);
    const [report] = parseLines(stdout) as unknown as [SharpnessReport];
    expect(report).toMatchObject({ split: 'validation', examples: 24, source: file });
    expect(report.measured.map(({ weights }) => weights)).toEqual(['before']);
    expect(report.change).toBeUndefined();
    expect(existsSync(join(folder, 'sharpness.json'))).toBe(false);
    const [evaluation] = parseLines((await zest(['evaluate', file, '--json'])).stdout);
    expect(report.measured[0]!.loss).toBeCloseTo(evaluation!.loss as number, 5);
  });

  it('measures only what a run kept with --no-before, and less than all parameters', async () => {
    const subset = ['--set', 'trainable={include: ["*layer.3*bias"]}'];
    const output = join(folder, 'kept');
    const { status, stderr } = await zest(['sharpness', run, ...SHORT, '--no-before', ...subset, '--output', output]);
    expect(stderr).toMatch(/^after: 29 forwards of 12 examples of train, 2,[\d,]+ parameters perturbed$/m);
    expect(status).toBe(0);
    const report = await written(output);
    expect(report.measured.map(({ weights }) => weights)).toEqual(['after']);
    expect(report.trainable).toEqual({ include: ['*layer.3*bias'] });
  });

  it('perturbs the same parameters before and after, where the head was new and there is a prefix', async () => {
    const { task: _, ...config } = reviewConfig(folder, 'prefixed');
    const task = { kind: 'class', fields: ['sentence'], classes: 2 };
    const other = join(folder, 'prefixed.yaml');
    const head = { classes: 2 };
    await writeFile(other, stringify({ ...config, task, head, trainable: { prefix: { tokens: 2 } } }));
    expect((await zest(['train', other])).status).toBe(0);
    const { status, stdout } = await zest(['sharpness', config.output, ...SHORT, '--json']);
    expect(status).toBe(0);
    const [{ dimension, measured }] = parseLines(stdout) as unknown as [SharpnessReport];
    const alone = await zest(['sharpness', config.output, ...SHORT, '--no-before', '--json']);
    const [kept] = parseLines(alone.stdout) as unknown as [SharpnessReport];
    const base = await zest(['sharpness', other, ...SHORT, '--json']);
    const [came] = parseLines(base.stdout) as unknown as [SharpnessReport];
    expect([kept.dimension, came.dimension]).toEqual([dimension, dimension]);
    expect(measured).toMatchObject([came.measured[0]!.trace, kept.measured[0]!.trace].map((trace) => ({ trace })));
  });

  it('finds out before it measures that its findings cannot be written', async () => {
    const { status, stdout, stderr } = await zest(['sharpness', run, '--samples', '5000', '--output', file]);
    expect(stderr).toMatch(
      /^error: cannot write .*run\.yaml: it is a file; expected the path of a folder \(ERR_ZEST_FILE\)\n$/,
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });

  it('says which losses are not finite', async () => {
    const args = ['sharpness', file, '--examples', '4', '--samples', '2', '--radii', '1e-3,1e30', '--slice', '0'];
    const { status, stdout, stderr } = await zest([...args, '--json']);
    expect(status).toBe(0);
    expect(stderr).toMatch(/1e\+30 .* of 4 losses are not finite/);
    const [report] = parseLines(stdout) as unknown as [SharpnessReport];
    expect(report.measured[0]!.radii[1]).toMatchObject({ mean: null, increase: null, maximum: null });
    expect(report.measured[0]!.radii[1]!.losses).toContain(null);
  });

  it('stops at Ctrl-C with status 130, and writes nothing', async () => {
    const output = join(folder, 'stopped');
    const { child, finished } = start(['sharpness', run, '--samples', '5000', '--output', output]);
    child.stderr!.once('data', () => child.kill('SIGINT'));
    const { status, stderr } = await finished;
    expect(status).toBe(130);
    expect(stderr).toContain('interrupted');
    expect(existsSync(output)).toBe(false);
  });

  it.each([
    [['--radii', '2,1'], 'error: radii[1] is 1; expected more than the one before (ERR_ZEST_OPTION)'],
    [['--radii', '0'], 'error: radii[0] is 0; expected a number > 0'],
    [['--radii', 'a'], "argument 'a' is invalid. Expected numbers with commas between."],
    [['--radii', '1,,2'], "argument '1,,2' is invalid"],
    [['--samples', '0'], 'error: samples is 0; expected a whole number from 2 to 100000'],
    [['--samples', '-1'], "argument '-1' is invalid. Expected a whole number."],
    [['--examples', '0'], 'error: examples is 0; expected a whole number ≥ 1'],
    [['--slice', '4'], 'error: slice is 4; expected an odd number'],
    [['--split', 'dev'], 'error: --split is dev; expected train, validation, test'],
    [['--eigenvalues', '2'], 'error: eigenvalues were asked for with 3448064 trainable parameters'],
    [['--seed', '1.5'], "argument '1.5' is invalid"],
  ])('refuses %j as bad usage', async (args, message) => {
    const { status, stdout, stderr } = await zest(['sharpness', file, ...args]);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('refuses a split that the configuration does not have, an empty one, and a folder that is no run', async () => {
    const config = reviewConfig(folder, 'none');
    const { test: _, ...data } = config.data;
    const other = join(folder, 'other.yaml');
    await writeFile(other, stringify({ ...config, data }));
    const absent = await zest(['sharpness', other, '--split', 'test']);
    expect(absent.stderr).toMatch(/error: .*other.yaml: measuring on test needs data.test \(ERR_ZEST_CONFIG\)/);
    expect(absent.status).toBe(2);
    await writeFile(join(folder, 'empty.jsonl'), '');
    const empty = await zest(['sharpness', other, '--set', `data.train=${join(folder, 'empty.jsonl')}`]);
    expect(empty.stderr).toMatch(/empty\.jsonl/);
    expect(empty.status).toBe(2);
    const none = await zest(['sharpness', folder]);
    expect(none.stderr).toMatch(/is a folder; expected the folder of a run: there is .*\(ERR_ZEST_RUN\)/);
    expect(none.status).toBe(2);
  });
});

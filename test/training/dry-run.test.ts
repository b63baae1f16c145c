import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { dryRun } from '../../lib/training/dry-run.ts';
import { parseLines, zest } from '../cli/zest.ts';
import { rejects } from '../fixtures/rejects.ts';
import { ofKind, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

describe('a dry run', () => {
  it('shows data, prompts and the estimate of the run, and writes nothing', async () => {
    const before = await readdir(folder);
    const config = reviewConfig(folder, 'dry');
    const found = await dryRun(config);
    expect(found).toMatchObject({
      kind: 'dryRun',
      family: 'roberta',
      device: 'cpu',
      dimension: 3_448_064,
      warnings: [],
    });
    const halves = (count: number) => [
      { name: 'terrible', count },
      { name: 'great', count },
    ];
    expect(found.data.map(({ split, count, classes, cut }) => ({ split, count, classes, cut }))).toEqual([
      { split: 'train', count: 40, classes: halves(20), cut: 0 },
      { split: 'validation', count: 24, classes: halves(12), cut: 0 },
      { split: 'test', count: 30, classes: halves(15), cut: 0 },
    ]);
    expect(found.prompts).toEqual([
      {
        source: `${join(folder, 'train.jsonl')}:1`,
        text: '<s> the story is dull . it was<mask> .</s>',
        tokens: 11,
        cut: 0,
        answer: 'terrible',
      },
      {
        source: `${join(folder, 'train.jsonl')}:2`,
        text: '<s> the cast is moving . it was<mask> .</s>',
        tokens: 11,
        cut: 0,
        answer: 'great',
      },
    ]);
    expect(await readdir(folder)).toEqual(before);
    const [estimate] = ofKind(await run(config), 'estimate');
    expect(found.estimate).toMatchObject({ forwards: estimate!.forwards, evaluations: estimate!.evaluations });
  });

  it('counts what is cut, and shows the first of it', async () => {
    const long = join(folder, 'long.jsonl');
    const rows = [
      { sentence: 'fine', label: 1 },
      { sentence: 'dull', label: 0 },
      { sentence: `very${' long'.repeat(40)}`, label: 0 },
      { sentence: `so${' long'.repeat(30)}`, label: 1 },
    ];
    await writeFile(long, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const config = reviewConfig(folder, 'cut');
    const { data, prompts } = await dryRun({
      ...config,
      data: { train: long },
      training: { ...config.training, maxLength: 16 },
    });
    expect(data).toMatchObject([{ split: 'train', count: 4, tokenized: 4, mostTokens: 16, cut: 2 }]);
    expect(prompts.map(({ answer }) => answer)).toEqual(['great', 'terrible', 'terrible']);
    // 41 words, and 7 tokens of the template and around it, of which 16 are left.
    expect(prompts[2]).toMatchObject({ source: `${long}:3`, tokens: 16, cut: 41 + 7 - 16 });
    expect(prompts[2]?.text).toMatch(/^<s> very( long){8} \. it was<mask> \.<\/s>$/);
  });

  it('refuses what the run would refuse', async () => {
    const config = reviewConfig(folder, 'refused');
    const bad = join(folder, 'bad.csv');
    await writeFile(bad, 'sentence,label\nfine,1\ngood,maybe\n');
    await rejects(
      () => dryRun({ ...config, data: { train: bad } }),
      'ERR_ZEST_LABEL',
      /bad\.csv:3: label "maybe" is none of/,
    );
    await rejects(
      () => dryRun(config, { overrides: ['head={classes: 3}'] }),
      'ERR_ZEST_TARGET',
      /^head is \{classes: 3\}, and the task has label words.*leave head out, or take a task of kind class$/,
    );
    await rejects(
      () => dryRun(config, { overrides: ['head=languageModel', 'task={kind: class, fields: [sentence], classes: 2}'] }),
      'ERR_ZEST_TARGET',
      /^head is languageModel, and the task is of kind class/,
    );
    await run({ ...config, training: { ...config.training, steps: 1 } });
    // Where a run is, it says so, and looks all the same.
    const [held, replaced] = [await dryRun(config), await dryRun(config, { overwrite: true })];
    expect(held.warnings[0]).toMatchObject({
      code: 'WARN_ZEST_OUTPUT',
      message: expect.stringMatching(/holds a run already .*option overwrite$/),
    });
    expect(replaced).toEqual({ ...held, warnings: held.warnings.slice(1), estimate: expect.anything() });
  });

  it('is printed by zest train --dry-run', async () => {
    const file = join(folder, 'dry.yaml');
    await writeFile(file, stringify(reviewConfig(folder, 'printed')));
    const args = ['train', file, '--dry-run', '--json', '--set', 'training.batchSize=100'];
    const { status, stdout, stderr } = await zest(args);
    expect(status).toBe(0);
    const [found] = parseLines(stdout);
    expect(found).toMatchObject({ kind: 'dryRun', data: [{ split: 'train', count: 40 }, {}, {}] });
    expect(stderr).toMatch(
      /^data +examples +terrible +great +tokens \(most\) +cut\ntrain +40 +20 +20 +11 \(\d+\) +0$/m,
    );
    expect(stderr).toContain(
      'train.jsonl:1: 11 tokens, the answer is "terrible"\n  <s> the story is dull . it was<mask> .</s>',
    );
    expect(stderr).toMatch(/^warning: training\.batchSize is 100 and .* \(WARN_ZEST_BATCH\)$/m);
    expect(stderr).toMatch(/^about \d+ s: 24 forwards of/m);
    expect(await readdir(folder)).not.toContain('printed');
  });
});

import { rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Warning } from '../../lib/runs/events.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { cutOfScored, dataWarnings } from '../../lib/training/data-warnings.ts';
import { evaluate } from '../../lib/training/evaluate.ts';
import { loadInputs } from '../../lib/training/inputs.ts';
import { readTraining } from '../../lib/training/read-data.ts';
import type { Config } from '../../lib/training/schema.ts';
import { rejects } from '../fixtures/rejects.ts';
import { ofKind, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

/** The review configuration with other data; each file is written. */
const configWith = async (data: Partial<Config['data']>, files: Record<string, string> = {}) => {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const config = reviewConfig(folder, 'run');
  const inFolder = Object.entries(data).map(([key, value]) => [
    key,
    key in files || typeof value !== 'string' ? value : join(folder, value),
  ]);
  return { ...config, data: { ...config.data, test: undefined, ...Object.fromEntries(inFolder) } } satisfies Config;
};

const load = async (config: Config) => {
  const resolved = resolveConfig(config);
  const warnings: Warning[] = [];
  const warn = (warning: Warning) => warnings.push(warning);
  const { task, validation, test, tokenizer } = await loadInputs(resolved, { warn });
  const train = await readTraining(resolved.data, task, { warn });
  warnings.push(...dataWarnings(resolved, task, { train, validation, test, modelLength: tokenizer.maxLength }));
  return { train, validation, warnings, task };
};

const sources = (examples: readonly { source: string }[]) => examples.map(({ source }) => source);

describe('the data of a run', () => {
  it('leaves out rows that lack what the task reads, and says how many', async () => {
    const csv = 'sentence,label\nfine,1\ndull,\nawful,0.0\nmoving,1\nlame\nsilly,-\n';
    const config = await configWith({ train: 'gaps.csv' }, { 'gaps.csv': csv });
    const { train, warnings } = await load(config);
    expect(train.map(({ fields }) => fields.sentence)).toEqual(['fine', 'awful', 'moving']);
    expect(warnings[0]).toEqual({
      code: 'WARN_ZEST_ROWS',
      message: `3 of 6 rows of ${join(folder, 'gaps.csv')} are left out, for they lack what the task reads: ${join(folder, 'gaps.csv')}:3 has no "label", and others`,
    });
    const nulls = '{"sentence":"fine","label":1}\n{"sentence":null,"label":1}\n{"sentence":"dull","label":0}\n';
    const { train: two } = await load(await configWith({ train: 'nulls.jsonl' }, { 'nulls.jsonl': nulls }));
    expect(sources(two)).toEqual([1, 3].map((line) => `${join(folder, 'nulls.jsonl')}:${line}`));
  });

  it('refuses a file that has no whole row, or not the columns', async () => {
    const files = {
      'none.csv': 'sentence,label\nfine,\ndull,\n',
      'other.csv': 'text, rating\nfine, 1\n',
      'unlabelled.csv': 'sentence,rating\nfine,1\n',
    };
    await rejects(
      async () => load(await configWith({ train: 'none.csv' }, files)),
      'ERR_ZEST_DATA',
      /none\.csv: has no whole row of 2: .*none\.csv:2 has no "label"/,
    );
    await rejects(
      async () => load(await configWith({ train: 'other.csv' })),
      'ERR_ZEST_TEMPLATE',
      /"sentence", which .*other\.csv does not have: text, rating/,
    );
    await rejects(
      async () => load(await configWith({ train: 'unlabelled.csv' })),
      'ERR_ZEST_DATA',
      /no field "label" for the label, which task\.labelField names; expected it among sentence, rating/,
    );
  });

  it('holds a share of each class out as validation data, the same each time', async () => {
    const config = await configWith({ validation: 0.25 });
    const { train, validation, task } = await load(config);
    expect(task.balance(validation).map(({ count }) => count)).toEqual([5, 5]);
    expect(task.balance(train).map(({ count }) => count)).toEqual([15, 15]);
    const all = Array.from({ length: 40 }, (_, i) => `${join(folder, 'train.jsonl')}:${i + 1}`);
    expect([...sources(train), ...sources(validation)].sort()).toEqual([...all].sort());
    expect(sources((await load(config)).validation)).toEqual(sources(validation));
    const other = await load(await configWith({ validation: 0.25, seed: 7 }));
    expect(sources(other.validation)).not.toEqual(sources(validation));
    await rejects(
      async () => load(await configWith({ validation: 0.01 })),
      'ERR_ZEST_DATA',
      /has 40 examples, of which data\.validation 0\.01 holds out 0; expected some on both sides/,
    );
    await rejects(
      async () => load(await configWith({ validation: 1.5 })),
      'ERR_ZEST_CONFIG',
      /data\.validation is 1\.5; expected /,
    );
  });

  it('of one class is refused before anything is written', async () => {
    const config = {
      ...(await configWith({ train: 'same.csv' }, { 'same.csv': 'sentence,label\nfine,1\ngood,1\nmoving,1\n' })),
      output: join(folder, 'same'),
    };
    await rejects(
      () => run(config),
      'ERR_ZEST_DATA',
      /same\.csv: all 3 training examples have the label "great"; expected two labels or more/,
    );
  });

  it('is told of where it is odd: a class without rows, a batch larger than the data, few validation rows', async () => {
    const three = {
      'three.csv': 'sentence,label\nfine,2\ngood,1\nmoving,1\n',
      'few.csv': 'sentence,label\nfine,2\ngood,1\n',
      'alike.csv': 'sentence,label\nfine,1\ngood,1\n',
    };
    const base = await configWith({ train: 'three.csv', validation: 'few.csv' }, three);
    const config = {
      ...base,
      task: { ...base.task, labelWords: ['terrible', 'great', 'fine'] },
      training: { ...base.training, batchSize: 1000 },
    };
    const { warnings } = await load(config);
    expect(warnings.map(({ code, message }) => [code, message])).toEqual([
      ['WARN_ZEST_LABELS', 'no training example has the label "terrible", so that the model cannot learn it'],
      ['WARN_ZEST_BATCH', 'training.batchSize is 1000 and there are 3 training examples: every step takes all of them'],
      [
        'WARN_ZEST_VALIDATION',
        'there are 2 validation examples, so that an accuracy has a standard error of some 35 points: differences below twice that are chance',
      ],
    ]);
    const alike = await load(await configWith({ validation: 'alike.csv' }));
    expect(alike.warnings[0]?.message).toMatch(/^all 2 validation examples have the label "great"/);
    expect((await load(await configWith({}))).warnings).toEqual([]);
    const two = { 'two.csv': 'sentence,label\nfine,0\ngood,1\n' };
    // Without validation data the test is what a run is judged by.
    const tested = await load(await configWith({ validation: undefined, test: 'two.csv' }, two));
    expect(tested.warnings[0]?.message).toMatch(/^there are 2 test examples, so that an accuracy has a standard error/);
    const testedAlike = await load(await configWith({ validation: undefined, test: 'alike.csv' }));
    expect(testedAlike.warnings[0]?.message).toMatch(/^all 2 test examples have the label "great"/);
    const both = await load(await configWith({ test: 'two.csv' }));
    expect(both.warnings).toEqual([]);
  });

  it('is told of where labels differ in case or spaces alone', async () => {
    const rows = ['pos', 'neg', 'Pos', 'n eg'].map((label) => `{"sentence":"fine","label":"${label}"}\n`).join('');
    const base = await configWith({ train: 'slips.jsonl', validation: undefined }, { 'slips.jsonl': rows });
    const task = { kind: 'class' as const, fields: ['sentence'], classes: 4, labels: ['pos', 'neg', 'Pos', 'n eg'] };
    const training = { ...base.training, batchSize: 1 };
    const { warnings } = await load({ ...base, task, head: { classes: 4 }, training });
    expect(warnings).toEqual([
      {
        code: 'WARN_ZEST_LABELS',
        message: expect.stringMatching(/^the labels "pos", "Pos" differ in case or spaces alone, and each is/),
      },
    ]);
  });

  it('is told of where most texts are cut, with how long they are', async () => {
    // 7 tokens of the template and around it, one of each word, and one of the space that RoBERTa has before the first.
    const rows = (words: readonly number[]) =>
      words.map((n, i) => `{"sentence":"very${' long'.repeat(n - 1)}","label":${i % 2}}\n`);
    const warned = async (words: readonly number[], maxLength: number) => {
      const base = await configWith(
        { train: 'long.jsonl', validation: undefined },
        { 'long.jsonl': rows(words).join('') },
      );
      const { warnings } = await load({ ...base, training: { ...base.training, batchSize: 1, maxLength } });
      return warnings.map(({ code, message }) => `${code}: ${message}`);
    };
    expect(await warned([5, 5, 20, 20], 16)).toEqual([]);
    expect(await warned([5, 20, 30, 40], 16)).toEqual([
      'WARN_ZEST_CUT: 3 of 4 training texts are cut to 16 tokens, training.maxLength: with their prompt half of them have 27 tokens or more, the longest 47, and what is cut is not learned from; use a larger training.maxLength, as far as the model goes',
    ]);
    for (const maxLength of [256, 1000]) {
      expect((await warned([300, 300, 300], maxLength))[0]).toMatch(
        /^WARN_ZEST_CUT: 3 of 3 training texts are cut to 256 tokens, which is all that the model takes: .*; use shorter texts/,
      );
    }
    expect(
      (
        await warned(
          Array.from({ length: 1500 }, () => 20),
          16,
        )
      )[0],
    ).toMatch(/^WARN_ZEST_CUT: 750 of 750 training texts that were measured are cut/);
    const base = await configWith({ train: 'long.jsonl', validation: undefined });
    const few = await load({ ...base, training: { ...base.training, maxLength: 16 } });
    const cut = (count: number) => cutOfScored(few.task, few.train.slice(0, count), 16)?.message;
    expect(few.train).toHaveLength(1500);
    expect(cut(1000)).toMatch(/^1000 of 1000 prompts do not fit into 16 tokens, and 11000 tokens of them are cut/);
    expect(cut(1500)).toMatch(/^750 of 750 prompts that were measured do not fit into 16 tokens, and 8250 tokens/);
  });

  it('is told of where some of it is scored, too, however its file is written', async () => {
    const csv = 'sentence,label\nfine,1\nawful,0\n';
    const base = await configWith({}, { 'part.csv': csv, 'more.csv': csv });
    base.data.train = join(folder, 'part.csv');
    const overlap = async (...names: string[]) => {
      const validation = names.map((name) => relative('.', join(folder, name)));
      const { warnings } = await load({ ...base, data: { ...base.data, validation } });
      return warnings.filter(({ code }) => code === 'WARN_ZEST_OVERLAP').map(({ message }) => message);
    };
    expect((await overlap('part.csv'))[0]).toMatch(/^all 2 validation examples are training examples, too/);
    expect((await overlap('part.csv', 'more.csv'))[0]).toMatch(/^2 of 4 validation examples are training/);
    expect(await overlap('more.csv')).toEqual([]);
  });

  it('is told of in a run and in an evaluation', async () => {
    const csv = 'sentence,label\nfine,1\ndull,\nawful,0\n';
    const config = {
      ...(await configWith({ train: 'run.csv', validation: 'run.csv' }, { 'run.csv': csv })),
      output: join(folder, 'told'),
    };
    const events = await run({ ...config, training: { ...config.training, steps: 1 } });
    const codes = ofKind(events, 'warning').map(({ code }) => code);
    expect(codes.slice(0, 5)).toEqual([
      ...['WARN_ZEST_ROWS', 'WARN_ZEST_ROWS', 'WARN_ZEST_BATCH'],
      ...['WARN_ZEST_OVERLAP', 'WARN_ZEST_VALIDATION'],
    ]);
    const heard: string[] = [];
    for await (const { count } of evaluate(config.output, { onWarning: ({ code }) => heard.push(code) })) {
      expect(count).toBe(2);
    }
    expect(heard.filter((code) => code === 'WARN_ZEST_ROWS')).toHaveLength(1);
  });
});

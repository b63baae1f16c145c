import { cpSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  dryRun,
  type Examination,
  evaluate,
  evaluateModel,
  loadTask,
  openRun,
  predict,
  report,
  type TaskSpec,
  Tokenizer,
  train,
  type Warning,
} from '../../lib/index.ts';
import type { GenerationTask } from '../../lib/tasks/generation.ts';
import { zest } from '../cli/zest.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const folder = join(scratch, 'model');
const data = join(scratch, 'data.jsonl');

/** Rows that all kinds of tasks read. */
const rows = Array.from({ length: 12 }, (_, i) => ({
  text: `row ${i}`,
  label: i % 2,
  answer: i % 2 ? ['up', 'upward'] : 'down',
  options: i % 3 ? ['up', 'down'] : ['up', 'down', 'on'],
  score: i / 4,
  tags: [['up'], [], ['up', 'down']][i % 3],
}));

beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
  writeByteTokenizer(folder, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz0123456789.,:\n?' });
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
});

const tasks = {
  choice: { kind: 'choice', prompt: '{text}:', options: ['down', 'up'] },
  'choice of own options': { kind: 'choice', prompt: '{text}:', options: 'options', labelField: 'label' },
  generate: { kind: 'generate', prompt: '{text}:', answer: 'answer', maxTokens: 6, stop: ['\n'] },
  regression: { kind: 'regression', fields: ['text'], labelField: 'score' },
  multiLabel: { kind: 'multiLabel', fields: ['text'], labels: ['down', 'up'], labelField: 'tags' },
};

const listed = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

/** What is no right answer of a kind of task, as a warning has it. */
const FOREIGN: Record<keyof typeof tasks, [field: string, value: unknown, shown: string]> = {
  choice: ['label', 'maybe', '"maybe"'],
  'choice of own options': ['label', -1, '"-1"'],
  generate: ['answer', true, '"true"'],
  regression: ['score', 'n/a', '"n/a"'],
  multiLabel: ['tags', 'up;rage', '"up;rage"'],
};

/** Outputs that a kind of task needs of a new head. */
const HEADS: Record<string, number> = { regression: 1, multiLabel: 2 };

let written = 0;
const configOf = async (task: object, changes: { data?: object } = {}) => {
  const name = `run-${written++}`;
  const file = join(scratch, `${name}.yaml`);
  await writeFile(
    file,
    stringify({
      model: folder,
      ...(HEADS[(task as { kind: string }).kind] && { head: { classes: HEADS[(task as { kind: string }).kind] } }),
      task,
      data: { train: data, validation: data, test: data, ...changes.data },
      optimizer: { method: 'mezo', learningRate: 1e-4 },
      training: { steps: 3, batchSize: 4, seed: 1 },
      output: join(scratch, name),
    }),
  );
  return { file, output: join(scratch, name) };
};

describe.each(Object.entries(tasks))('a task of kind %s', (kind, task) => {
  it('is looked at, trained, scored, used and reported', async () => {
    const { file, output } = await configOf(task);
    const { prompts, data: overview, estimate } = await dryRun(file);
    expect(prompts[0]!.text).toBe(kind in HEADS ? '<s>row 0' : '<s>row 0:');
    expect(overview[0]).toMatchObject({ split: 'train', count: 12, cut: 0 });
    expect(estimate.evaluationSeconds).toBeGreaterThan(0);
    for await (const _ of train(file)) {
      // until it is over
    }
    const summary = JSON.parse(await readFile(join(output, 'summary.json'), 'utf8'));
    expect(summary).toMatchObject({ steps: 3, test: { count: 12, loss: expect.any(Number) } });
    const events = await listed(evaluate(output));
    const { report: found } = events[0]!;
    if (kind !== 'choice') {
      expect(found).toMatchObject({ kind: 'answers' });
      expect(found.worst[0]).toMatchObject({ fields: { text: expect.any(String) }, label: expect.any(String) });
    }
    const run = await openRun<GenerationTask>(output);
    const answers = await listed(predict(run, data));
    const [field, value, shown] = FOREIGN[kind as keyof typeof tasks];
    const foreign = Buffer.from(
      rows.map((row, i) => JSON.stringify(i === 1 ? { ...row, [field]: value } : row)).join('\n'),
    );
    const counts: number[] = [];
    const warnings: string[] = [];
    const heard = {
      onScore: ({ score }: Examination) => counts.push(score.count),
      onWarning: ({ message }: Warning) => warnings.push(message),
    };
    expect(await listed(predict(run, Readable.from([foreign]), heard))).toHaveLength(rows.length);
    expect([counts, warnings]).toEqual([
      [rows.length - 1],
      [expect.stringContaining(`1 row has in "${field}" a label that is none of the task's: ${shown}`)],
    ]);
    run.model.dispose();
    expect(answers).toHaveLength(12);
    expect(answers[0]).toMatchObject(kind === 'generate' ? { answer: expect.any(String) } : { text: 'row 0' });
    if (kind === 'regression') expect(answers[0]).toMatchObject({ answer: expect.any(Number) });
    if (kind === 'multiLabel') expect(answers[0]).toMatchObject({ probabilities: { down: expect.any(Number) } });
    const { html } = await report([output]);
    expect(html).toContain(kind === 'choice' ? '<h2>Classes</h2>' : '<h2>Answers</h2>');
    if (kind !== 'choice') expect(html).toContain('The examples that were answered worst');
  });

  it(kind in HEADS ? 'is not shown with demonstrations' : 'may be shown with demonstrations', async () => {
    const { file } = await configOf(task, { data: { demonstrations: 2, separator: '\n' } });
    if (kind in HEADS) {
      await rejects(() => dryRun(file), 'ERR_ZEST_UNSUPPORTED', /are shown to a causal model, by tasks of kind/);
      return;
    }
    const { prompts, data: overview } = await dryRun(file);
    expect(overview[0]!.count).toBe(10);
    expect(prompts[0]!.text).toMatch(/^<s>row \d+: (up|down|on)\n+row \d+: (up|down|on)\n+row \d+:$/);
  });
});

describe('demonstrations', () => {
  it('are not more than there are examples, nor for a task of another kind', async () => {
    const { file } = await configOf(tasks.choice, { data: { demonstrations: 12 } });
    await rejects(() => dryRun(file), 'ERR_ZEST_SHOTS', /data.demonstrations is 12; expected fewer than the 12/);
    const words = await configOf(
      { template: '{text}:{mask}', labelWords: ['a', 'b'] },
      { data: { demonstrations: 2 } },
    );
    await rejects(
      () => dryRun(words.file),
      'ERR_ZEST_UNSUPPORTED',
      /are shown to a causal model, by tasks of kind choice or generate/,
    );
  });
});

describe('zest evaluate', () => {
  it('shows texts that a model wrote beside those that were expected', async () => {
    const { file } = await configOf(tasks.generate);
    const { status, stderr } = await zest(['evaluate', file]);
    expect(stderr).toMatch(/validation: exact match 0.0 %, F1 of words 0.0 %, loss \d/);
    expect(stderr).toMatch(
      /worst answers\n\s+data.jsonl:\d+, score 0.00, loss .*\n\s+text +row \d+\n\s+expected +\w+\n\s+answered/,
    );
    expect(status).toBe(0);
  });
});

describe('evaluateModel', () => {
  const task = tasks.choice as TaskSpec;
  const scoreOf = async (options: object) => {
    const events = await listed(evaluateModel(folder, { task, data, ...options }));
    expect(events).toMatchObject([{ kind: 'evaluation', split: 'test', step: 0 }]);
    return events[0]!;
  };

  it('scores as a configuration that says the same does, zero-shot and few-shot', async () => {
    const { file } = await configOf(task);
    const overrides = ['data.demonstrations=2', 'training.maxLength=64'];
    const [, zeroShot] = await listed(evaluate(file));
    const [, fewShot] = await listed(evaluate(file, { overrides }));
    expect(await scoreOf({})).toEqual(zeroShot);
    expect(await scoreOf({ demonstrations: 0 })).toEqual(zeroShot);
    const from = { demonstrations: 2, demonstrationsFrom: data, overrides: overrides.slice(1) };
    expect(await scoreOf(from)).toEqual(fewShot);
    expect(fewShot!.loss).not.toBe(zeroShot!.loss);
  });

  it('does not score what it shows', async () => {
    const { report, count } = await scoreOf({ demonstrations: 9 });
    expect(count).toBe(3);
    expect(new Set(report.worst.map(({ source }) => source)).size).toBe(3);
    await rejects(
      () => scoreOf({ demonstrations: 12 }),
      'ERR_ZEST_SHOTS',
      /demonstrations is 12; expected fewer than the 12/,
    );
  });

  it('is a command, which says what is missing', async () => {
    const { status, stdout } = await zest([
      'evaluate',
      folder,
      '--task',
      JSON.stringify(task),
      '--data',
      data,
      '--demonstrations',
      '2',
      '--json',
    ]);
    expect(JSON.parse(stdout)).toEqual(await scoreOf({ demonstrations: 2 }));
    expect(status).toBe(0);
    for (const [args, message] of [
      [['--task', 'sst2'], /--data is missing; expected --task and --data/],
      [['--task', '{kind: [', '--data', data], /^error: --task: .*\(ERR_ZEST_CONFIG\)$/m],
      [['--task', '{kind: *a}', '--data', data], /^error: --task: .*alias.*\(ERR_ZEST_CONFIG\)$/m],
      [['--data', data], /--task is missing/],
      [['--task', 'copa', '--data', data, '--from', data], /expected --demonstrations, too/],
    ] as const) {
      const { status, stderr } = await zest(['evaluate', folder, ...args]);
      expect(stderr).toMatch(message);
      expect(status).toBe(2);
    }
  });

  it('warns of a head that nothing has trained', async () => {
    const warnings: Warning[] = [];
    const options = { task: tasks.regression as TaskSpec, data, overrides: ['head={classes: 1}'] };
    await listed(evaluateModel(folder, { ...options, onWarning: (warning) => warnings.push(warning) }));
    expect(warnings.map(({ code }) => code)).toEqual(['WARN_ZEST_NEW_HEAD']);
  });
});

it('a list of labels that has one twice is refused', async () => {
  const { multiLabel: kind } = tasks;
  const three = { ...kind, labels: ['down', 'up', 'still'] } as TaskSpec;
  const task = await loadTask(three, await Tokenizer.load(folder));
  const example = (tags: unknown) => task.example({ file: 'a.jsonl', line: 3, fields: { text: 'x', tags } });
  expect(example([2, 'down'])).toMatchObject({ reference: [0, 2] });
  for (const tags of ['up, down, up', ['0', '0']])
    await rejects(
      async () => example(tags),
      'ERR_ZEST_LABEL',
      /a.jsonl:3: label .* has a label twice; expected the names or numbers/,
    );
});

it('as many flags as there are labels are refused, unless those are called so', async () => {
  const { multiLabel: kind } = tasks;
  const tokenizer = await Tokenizer.load(folder);
  const row = (tags: unknown) => ({ file: 'a.jsonl', line: 3, fields: { text: 'x', tags } });
  const three = await loadTask({ ...kind, labels: ['down', 'up', 'still'] } as TaskSpec, tokenizer);
  const two = await loadTask(kind as TaskSpec, tokenizer);
  for (const [task, tags] of [
    [three, [1, 0, 1]],
    [two, [1, 0]],
    [two, '0,1'],
    [two, [true, false]],
  ] as const)
    await rejects(
      async () => task.example(row(tags)),
      'ERR_ZEST_LABEL',
      /a.jsonl:3: label .* may be a flag for each label, or the numbers of labels; expected the names of those that hold/,
    );
  expect(three.example(row([1, 0]))).toMatchObject({ reference: [0, 1] });
  expect(two.example(row([1]))).toMatchObject({ reference: [1] });
  const called = await loadTask({ ...kind, labels: ['1', '0'] } as TaskSpec, tokenizer);
  expect(called.example(row([1, 0]))).toMatchObject({ reference: [0, 1] });
});

it('a regression leaves rows without a number out, and names the row of one that float32 cannot hold', async () => {
  const task = await loadTask(tasks.regression as TaskSpec, await Tokenizer.load(folder));
  const row = (score: unknown) => ({ file: 'a.jsonl', line: 3, fields: { text: 'x', score } });
  for (const score of [null, '', ' ', '-']) expect(task.lacking(row(score))).toBe('score');
  for (const score of [0, '1.5', 'x']) expect(task.lacking(row(score))).toBeUndefined();
  await rejects(
    async () => task.example(row(1e39)),
    'ERR_ZEST_DATA',
    /a.jsonl:3: field "score" is 1e\+39; expected a number that float32 can hold/,
  );
});

it('a regression has a head with one output', async () => {
  const { file } = await configOf(tasks.regression);
  await rejects(
    () => dryRun(file, { overrides: ['head.classes=2'] }),
    'ERR_ZEST_TARGET',
    /head is \{classes: 2\}, and the task is of kind regression, which has one output; expected \{classes: 1\}/,
  );
});

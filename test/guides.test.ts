import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { access, copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { BUILT_IN_TASKS } from '../lib/tasks/built-in.ts';
import { loadTask } from '../lib/tasks/load.ts';
import type { Task } from '../lib/tasks/task.ts';
import { Tokenizer } from '../lib/tasks/tokenizer.ts';
import { readConfig } from '../lib/training/config.ts';
import { writeByteTokenizer } from './fixtures/byte-tokenizer.ts';
import { film } from './fixtures/film.ts';
import { onnxFile, peers, runtime } from './fixtures/onnx.ts';
import { reviewConfig, reviewFolder, run } from './training/runs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = (name: string): Promise<string> => readFile(join(root, 'docs', name), 'utf8');

/** The code blocks of a language, in order. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, code]) => code!);

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
  const config = reviewConfig(folder, 'run');
  await run({
    ...config,
    task: { ...config.task, template: 'this is {word} . It was {mask} .' },
    data: { train: await asWords('train.jsonl') },
  });
  await asWords('test.jsonl').then((file) => rename(file, join(folder, 'new.jsonl')));
});
afterAll(() => rm(folder, { recursive: true }));

/** The reviews of a file with their field called `word`. */
const asWords = async (name: string): Promise<string> => {
  const file = join(folder, `words-${name}`);
  await writeFile(file, (await readFile(join(folder, name), 'utf8')).replaceAll('"sentence"', '"word"'));
  return file;
};

/** What a snippet prints; the files that it names are the test's. */
const printed = async (code: string): Promise<string> => {
  const places = {
    'runs/words': 'run',
    'new.jsonl': 'new.jsonl',
    'train.jsonl': 'train.jsonl',
    tuned: 'tuned',
    'bert.onnx': 'bert.onnx',
    'tuned.onnx': 'tuned.onnx',
  };
  const placed = Object.entries(places).reduce(
    (text, [name, ours]) => text.replaceAll(`'${name}'`, JSON.stringify(join(folder, ours))),
    code,
  );
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', placed], {
    cwd: root,
    env: { ...process.env, NODE_PATH: peers },
  });
  return stdout;
};

describe('docs/embed.md', () => {
  /** What each snippet prints, in order. */
  const expectations: [string, RegExp][] = [
    ['openRun', /^\[\n {2}\{\n {4}label: [01],\n {4}name: '(terrible|great)',\n {4}word: /],
    ['predict', /^((the|every|this) [a-z ]+ (terrible|great) 0\.[5-9]\d*\n){30}$/],
    ['a few strings', /^\{ accuracy: (1|0\.5), loss: [\d.]+, count: 2 \}\n$/],
    ['data in files', /^(\d+ 0\.\d+ 1 \d\.?\d*\n){20}$/],
    ['any function', /^Float64Array\(2\) \[ (1\.00|0\.99)\d*, -(2\.00|1\.99)\d* \]\n$/],
    ['errors', /^label word "unputdownable" is \d tokens \(.*\); expected one/],
  ];

  it('has these snippets', async () => {
    expect(blocks(await guide('embed.md'), 'js')).toHaveLength(expectations.length);
  });

  it.each(expectations.map(([name, output], i) => ({ name, output, i })))('$name', async ({ output, i }) => {
    expect(await printed(blocks(await guide('embed.md'), 'js')[i]!)).toMatch(output);
  });
});

describe.skipIf(runtime === undefined)('docs/onnx.md', () => {
  it('has an example that learns', async () => {
    const [code, ...others] = blocks(await guide('onnx.md'), 'js');
    expect(others).toEqual([]);
    await copyFile(onnxFile('bert.onnx'), join(folder, 'bert.onnx'));
    const [, before, after] = (await printed(code!)).match(/^before ([\d.]+)\nafter ([\d.]+)\n$/)!;
    expect(Number(before)).toBeLessThan(0.6);
    expect(Number(after)).toBeGreaterThan(0.8);
    await expect(access(join(folder, 'tuned.onnx'))).resolves.toBeUndefined();
  });
});

describe('docs/tasks.md', () => {
  it('has a snippet that prints what it says', async () => {
    const [code, ...others] = blocks(await guide('tasks.md'), 'js');
    expect(others).toEqual([]);
    const [, decoded] = code!.match(/\/\/ (<s>.*)$/m)!;
    expect((await printed(code!)).split('\n')[0]).toBe(decoded);
  });

  it('has configurations that are valid', async () => {
    const tokenizer = await Tokenizer.load(film);
    const [words, head, number, several, choice, generate, metrics, ...others] = blocks(
      await guide('tasks.md'),
      'yaml',
    ).map((text) => parse(text));
    const base = reviewConfig(folder, 'unused');
    for (const part of [words, head, { task: { ...words.task, ...metrics } }]) {
      const file = join(folder, 'guide.json');
      await writeFile(file, JSON.stringify({ ...base, ...part }));
      const { task } = await readConfig(file);
      expect((await loadTask(task, tokenizer)).names).toEqual(part.task.labels);
    }
    expect(others).toEqual([]);
    for (const { task, head: outputs } of [number, several]) {
      const loaded: Task = await loadTask(task, tokenizer);
      expect(loaded.metrics.length).toBe(2);
      expect(outputs.classes).toBe(task.labels?.length ?? 1);
    }
    // These take a causal model: of one what a task asks, and a tokenizer of all bytes.
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'opt', max_position_embeddings: 2048 }));
    writeByteTokenizer(folder, { size: 300, characters: '' });
    const next = await Tokenizer.load(folder);
    const fields = { premise: 'a', hypothesis: 'b', label: 1, context: 'c', question: 'd', answers: { text: ['c'] } };
    for (const { task } of [choice, generate]) {
      const loaded: Task = await loadTask(task, next, { maxLength: 200 });
      expect(loaded.batch([fields]).sequences).toHaveLength(1);
    }
  });

  it('lists the built-in tasks as they are', async () => {
    const rows = (await guide('tasks.md')).split('\n').filter((line) => line.startsWith('| `'));
    const listed = new Map(
      rows.flatMap((row) => {
        const [names, template, words] = row.slice(2, -2).split(' | ') as [string, string, string];
        const labelWords = words.replaceAll(/ \([a-z]+\)/g, '').split(', ');
        return names
          .split(', ')
          .map((name): [string, object] => [name.slice(1, -1), { template: template.slice(1, -1), labelWords }]);
      }),
    );
    const built = [...BUILT_IN_TASKS].map(([name, { template, labelWords }]): [string, object] => [
      name,
      { template, labelWords },
    ]);
    expect(listed).toEqual(new Map(built));
  });
});

describe('docs/data.md', () => {
  it('has a snippet that prints what it says', async () => {
    const [code, ...others] = blocks(await guide('data.md'), 'js');
    expect(others).toEqual([]);
    expect(await printed(code!)).toMatch(/^40 \{ sentence: '[a-z ]+', label: 0 \}\n$/);
  });

  it('has configurations that are valid', async () => {
    const parts = blocks(await guide('data.md'), 'yaml').map((text) => parse(text));
    expect(parts).toHaveLength(2);
    for (const part of parts) {
      const file = join(folder, 'data.json');
      await writeFile(file, JSON.stringify({ ...reviewConfig(folder, 'unused'), ...part }));
      expect((await readConfig(file)).data).toMatchObject(part.data);
    }
  });
});

describe('the pages that are made', () => {
  it.each([
    ['docs/configuration.md', 'scripts/reference.mjs'],
    ['docs/api', 'scripts/api.mjs'],
  ])('%s is what the sources say', async (_, script) => {
    const check = promisify(execFile)(process.execPath, [join(root, script), '--check']);
    await expect(check).resolves.toMatchObject({ stderr: '' });
  });
});

describe('docs/contributing.md', () => {
  it('has a method that trains', async () => {
    const [code, ...others] = blocks(await guide('contributing.md'), 'js');
    expect(others).toEqual([]);
    const method = join(folder, 'method.mjs');
    const own = code!.replace("'node-zest'", JSON.stringify(join(root, 'dist/index.js')));
    await writeFile(method, own);
    const events = await run({
      ...reviewConfig(folder, 'contributed'),
      optimizer: { method, learningRate: 1e-6 } as never,
    });
    expect(events.at(-1)).toMatchObject({ kind: 'done', summary: { forwards: 12 } });
  });

  it('names files that are there', async () => {
    const named = (await guide('contributing.md')).match(/`(lib|native|npm)\/[\w./-]+`/g) ?? [];
    const fixed = named.map((name) => name.slice(1, -1)).filter((name) => !/NAME|KIND/.test(name));
    for (const name of fixed) await expect(access(join(root, name))).resolves.toBeUndefined();
  });
});

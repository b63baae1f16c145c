import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { dryRun } from '../../lib/training/dry-run.ts';
import { loadInputs } from '../../lib/training/inputs.ts';
import { openRun } from '../../lib/training/open-run.ts';
import { predict } from '../../lib/training/predict.ts';
import { readSplit, readTraining } from '../../lib/training/read-data.ts';
import type { Config } from '../../lib/training/schema.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { HubServer } from '../hub/server.ts';
import { ofKind, reviewConfig, reviewFolder, run } from './runs.ts';

// What data.train, data.validation and data.test may be, and what is made of their rows.

let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = await reviewFolder();
  tokenizer = await Tokenizer.load(film);
});
afterAll(() => rm(folder, { recursive: true }));

const configWith = (data: Partial<Config['data']>): Config => {
  const config = reviewConfig(folder, 'run');
  return { ...config, data: { train: config.data.train, ...data } };
};

const read = async (given: Partial<Config['data']>) => {
  const { task: spec, data } = resolveConfig(configWith(given));
  const task = await loadTask(spec, tokenizer);
  const parts = { validation: await readSplit('validation', data, task), test: await readSplit('test', data, task) };
  return { train: (await readTraining(data, task)) as { label: number; source: string; fields: object }[], ...parts };
};

const sourcesOf = (examples: readonly { source: string }[]) => examples.map(({ source }) => source);

const PACKED = 'reviews.csv.gz';
const written = async (name: string, content: string | Uint8Array) => {
  const file = join(folder, name);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, content);
  return file;
};

describe('the data of a configuration', () => {
  it('may be Parquet, compressed, several, a folder or a glob', async () => {
    const lines = (await readFile(join(folder, 'train.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const csv = `sentence,label\n${lines.map(({ sentence, label }) => `${sentence},${label}`).join('\n')}\n`;
    const parquet = parquetWriteBuffer({
      columnData: [
        { name: 'sentence', data: lines.map(({ sentence }) => sentence), type: 'STRING' },
        { name: 'label', data: lines.map(({ label }) => label), type: 'INT32' },
      ],
    });
    const packed = await written(`parts/${PACKED}`, gzipSync(csv));
    const columns = await written('parts/reviews.parquet', new Uint8Array(parquet));
    const { train } = await read({});
    const alike = ({ train: other }: Awaited<ReturnType<typeof read>>) =>
      expect(other.map(({ fields, label }) => [fields, label])).toEqual(
        train.map(({ fields, label }) => [fields, label]),
      );
    alike(await read({ train: packed }));
    alike(await read({ train: columns }));
    expect((await read({ train: [packed, columns] })).train).toHaveLength(80);
    expect((await read({ train: join(folder, 'parts') })).train).toHaveLength(80);
    expect((await read({ train: join(folder, 'p*/*.{gz,none}') })).train).toHaveLength(40);
  });

  it('have columns, labels and rows of another kind', async () => {
    const file = await written(
      'stars.csv',
      'review,stars,lang\nfine,5,en\nso so,3,en\nbad,1,en\nschlecht,1,de\ngood,4.0,en\n',
    );
    const { train } = await read({
      train: file,
      columns: { sentence: 'review', label: 'stars' },
      labels: { 1: 0, 2: 0, 3: null, 4: 'great', 5: 1 },
      filter: { lang: 'en' },
    });
    expect(train.map(({ fields, label, source }) => [fields, label, source])).toEqual([
      [{ sentence: 'fine' }, 1, `${file}:2`],
      [{ sentence: 'bad' }, 0, `${file}:4`],
      [{ sentence: 'good' }, 1, `${file}:6`],
    ]);
  });

  it('whose labels are none of the task’s are told with file and line', async () => {
    const bad = async (label: unknown) => {
      const row = { sentence: 'a', label };
      return written('labels.jsonl', `{"sentence":"b","label":1}\n${JSON.stringify(row)}\n`);
    };
    for (const label of [0.5, 'meh', 2, -1, true]) {
      const train = await bad(label);
      await rejects(
        () => read({ train }),
        'ERR_ZEST_LABEL',
        /labels\.jsonl:2: label .* is none of 0, 1, terrible, great/,
      );
    }
    for (const label of [1.0, '1', ' 1.0', 'great'])
      expect((await read({ train: await bad(label) })).train[1]?.label).toBe(1);
  });

  it('may be held out by shares, none twice, the test data whatever the others are', async () => {
    const { train, validation, test } = await read({ validation: 0.2, test: 0.1 });
    expect([train.length, validation.length, test.length]).toEqual([28, 8, 4]);
    const all = [...sourcesOf(train), ...sourcesOf(validation), ...sourcesOf(test)];
    expect(new Set(all).size).toBe(40);
    const other = await read({ validation: 0.5, test: 0.1, seed: 42 });
    expect(sourcesOf(other.test)).toEqual(sourcesOf(test));
    expect(sourcesOf((await read({ validation: 0.2, test: 0.1, seed: 43 })).test)).not.toEqual(sourcesOf(test));
    await rejects(
      () => resolveConfig(configWith({ validation: 0.6, test: 0.4 })),
      'ERR_ZEST_CONFIG',
      /data\.test is 0\.4; expected less than is left beside data\.validation \(0\.6\)/,
    );
    await rejects(
      () => read({ test: 0.01 }),
      'ERR_ZEST_DATA',
      /has 40 examples, of which data\.test 0\.01 holds out 0/,
    );
  });

  it('may be sampled while they are read', async () => {
    const { train } = await read({ sample: 10, seed: 1 });
    expect(train).toHaveLength(10);
    expect(sourcesOf((await read({ sample: 10, seed: 1 })).train)).toEqual(sourcesOf(train));
    expect(sourcesOf((await read({ sample: 10, seed: 2 })).train)).not.toEqual(sourcesOf(train));
    const all = sourcesOf((await read({})).train);
    expect(sourcesOf(train)).toEqual(all.filter((source) => sourcesOf(train).includes(source)));
    expect((await read({ sample: 1000 })).train).toHaveLength(40);
  });

  it('are read once, also where part of them is held out', async () => {
    const script = `
      import { dryRun } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      const { data } = await dryRun(JSON.parse(process.env.CONFIG));
      console.log(data.map(({ split, count }) => split + ' ' + count).join(', '));`;
    const CONFIG = JSON.stringify(configWith({ train: '-', validation: 0.25, test: 0.25 }));
    const env = { ...process.env, CONFIG };
    const child = execFile(process.execPath, ['--input-type=module', '-e', script], { env });
    createReadStream(join(folder, 'train.jsonl')).pipe(child.stdin as NodeJS.WritableStream);
    let out = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (piece) => {
        out += piece;
      });
    }
    await new Promise((done) => child.once('close', done));
    expect(out.trim()).toBe('train 20, validation 10, test 10');
  });
});

describe('a data set and a model of the hub', () => {
  const server = new HubServer();
  beforeAll(async () => {
    vi.stubEnv('HF_HUB_OFFLINE', undefined);
    vi.stubEnv('HF_HOME', join(folder, 'hub'));
    vi.stubEnv('HF_ENDPOINT', await server.start());
    const files = Object.fromEntries(
      await Promise.all(
        ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map(async (name) => [
          name,
          await readFile(join(film, name)),
        ]),
      ),
    );
    server.repositories.push({ kind: 'model', id: 'org/film', files });
    const rows = async (name: string) => readFile(join(folder, `${name}.jsonl`));
    const splits = {
      'data/train-0.jsonl': await rows('train'),
      'data/validation-0.jsonl': await rows('validation'),
      'data/test-0.jsonl': await rows('test'),
    };
    server.repositories.push({ kind: 'dataset', id: 'org/reviews', files: splits });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server.stop();
  });

  const named = (): Config => ({
    ...configWith({}),
    model: 'org/film',
    data: { hub: 'org/reviews', train: 'train', validation: 'validation', test: join(folder, 'test.jsonl') },
    output: join(folder, 'hub-run'),
  });

  it('train as their files do, to the bit, and again without a network', async () => {
    const losses = async (config: Config) =>
      ofKind(await run(config, { overwrite: true }), 'step').map(({ meanLoss }) => meanLoss);
    const byName = await losses(named());
    expect(byName).toEqual(await losses(reviewConfig(folder, 'file-run')));
    expect(server.downloads).not.toContain('data/test-0.jsonl');
    const kept = parse(await readFile(join(folder, 'hub-run/config.yaml'), 'utf8'));
    expect(kept).toMatchObject({ model: 'org/film', data: { hub: 'org/reviews', train: 'train' } });
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await losses(named())).toEqual(byName);
    vi.stubEnv('HF_HUB_OFFLINE', undefined);
  });

  it('are told where a split is none, before the weights are asked for', async () => {
    const config = named();
    await rejects(
      () => dryRun({ ...config, data: { ...config.data, train: 'training' } }, { overwrite: true }),
      'ERR_ZEST_HUB',
      /the data set org\/reviews has no files of the split "training"; it has data\/test-0\.jsonl/,
    );
    await rejects(
      () => resolveConfig(configWith({ subset: 'sst2' })),
      'ERR_ZEST_CONFIG',
      /data\.subset is sst2; expected data\.hub, which it is of/,
    );
  });
});

describe('prediction', () => {
  it('reads the columns and the labels that the configuration maps', async () => {
    const file = join(folder, 'predict.yaml');
    await writeFile(file, stringify({ ...configWith({}), data: { train: 'x.csv', columns: { sentence: 'review' } } }));
    const input = await written('new.csv', 'review,label\na charming film,good\na dull film,odd\n');
    const opened = await openRun(file);
    try {
      const answers = [];
      let count = 0;
      const options = {
        columns: { sentence: 'review' },
        labels: { good: 1, odd: null },
        onScore: ({ score }: { score: { count: number } }) => {
          count = score.count;
        },
      };
      for await (const answer of predict(opened, input, options)) answers.push(answer);
      expect(answers).toMatchObject([
        { review: 'a charming film', input: { label: 'good' } },
        { review: 'a dull film', input: { label: 'odd' } },
      ]);
      expect(answers[0]).not.toHaveProperty('sentence');
      expect(count).toBe(1);
    } finally {
      opened.model.dispose();
    }
  });
});

describe('a step', () => {
  it('never tokenizes an example again', async () => {
    const config = resolveConfig(configWith({}));
    const { task, tokenizer: own } = await loadInputs(config);
    const examples = await readTraining(config.data, task);
    let calls = 0;
    const tokenize = own.tokenize.bind(own);
    own.tokenize = (text: string) => {
      calls++;
      return tokenize(text);
    };
    task.batch(examples);
    expect(calls).toBeGreaterThanOrEqual(examples.length);
    const once = calls;
    for (let step = 0; step < 3; step++) task.batch(examples);
    expect(calls).toBe(once);
  });
});

import { cpSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareMethods, type ExperimentEvent } from '../../lib/comparison/compare.ts';
import { EXPERIMENTS, experimentForwards } from '../../lib/comparison/datasets.ts';
import type { ExperimentRun } from '../../lib/comparison/result.ts';
import { experimentMarkdown } from '../../lib/comparison/table.ts';
import { limit } from '../../lib/jobs/limit.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zest-experiment-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = async (name: string, options: object): Promise<ExperimentEvent[]> => {
  const events: ExperimentEvent[] = [];
  for await (const event of compareMethods(name, {
    data: join(folder, 'nothing'),
    output: join(folder, name),
    ...options,
  })) {
    events.push(event);
  }
  return events;
};

describe('compareMethods', () => {
  it('chooses a learning rate on one seed, tests five others with equal forwards, and takes up what is there', async () => {
    const options = { forwards: 10, methods: ['one-sided-tau1'] };
    const events = await run('afinn-noise-0.4', options);
    const last = events.at(-1);
    if (last?.kind !== 'done') throw new Error('no result');
    const { before, methods } = last.result;
    expect(before.test).toMatchObject({ accuracy: 0.5, count: 660 });
    expect(methods.map(({ name }) => name)).toEqual(options.methods);
    for (const { learningRate, tried, runs } of methods) {
      const losses = Object.entries(tried).sort(([a], [b]) => Number(a) - Number(b));
      const at = losses.findIndex(([rate]) => Number(rate) === learningRate);
      const loss = (i: number) => losses[i]?.[1] ?? Number.POSITIVE_INFINITY; // beyond what was tried
      expect(losses.length).toBeGreaterThanOrEqual(3);
      expect(loss(at)).toBeLessThanOrEqual(Math.min(loss(at - 1), loss(at + 1)));
      expect(runs.map((one) => one?.seed)).toEqual([2, 3, 4, 5, 6]);
      expect(new Set(runs.map((one) => one?.forwards))).toEqual(new Set([10]));
      expect(new Set(runs.map((one) => one?.test.loss)).size).toBe(5);
      expect(runs.every((one) => Number.isFinite(one?.sharpness))).toBe(true);
    }
    const again = await run('afinn-noise-0.4', options);
    expect(again).toEqual([last]);
    expect(JSON.parse(await readFile(join(folder, 'afinn-noise-0.4', 'experiment.json'), 'utf8'))).toEqual(last.result);
    const other = { ...options, methods: ['mezo'] };
    const more = (await run('afinn-noise-0.4', other)).at(-1);
    if (more?.kind !== 'done') throw new Error('no result');
    expect(more.result.methods.map(({ name }) => name)).toEqual(['mezo', 'one-sided-tau1']);
    expect(more.result.methods[1]).toEqual(methods[0]);
    await expect(run('afinn-noise-0.4', { ...other, forwards: 20 })).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: expect.stringMatching(
        /experiment.json is of another experiment, give another output: forwards is 20; expected 10, of the results/,
      ),
    });
  }, 300_000);

  it('says which experiments and methods there are, and where data are looked for', async () => {
    expect(EXPERIMENTS).toContain('mr-512-noise-0.2');
    expect(EXPERIMENTS.filter((name) => !name.startsWith('smollm2-'))).toHaveLength(28);
    expect(EXPERIMENTS.slice(16, 28)).toEqual([
      'domain-16',
      'domain-512',
      ...['cola', 'mrpc', 'qqp', 'qnli', 'rte', 'wic', 'mnli'].map((task) => `${task}-512`),
      ...['snli-16', 'snli-512', 'snli-512-noise-0.4'],
    ]);
    expect(EXPERIMENTS.slice(28)).toEqual(
      ['sst2', 'rte', 'boolq', 'copa', 'squad'].flatMap((task) => [`smollm2-${task}-full`, `smollm2-${task}-lora`]),
    );
    expect(EXPERIMENTS.filter((name) => experimentForwards(name) === 4000)).toEqual(
      EXPERIMENTS.filter((name) => /^(afinn|trec)/.test(name)),
    );
    await expect(run('afin', {})).rejects.toThrow(/"afin" is none of afinn-16, afinn, /);
    await expect(run('afinn', { methods: ['adam'] })).rejects.toThrow(/"adam" is none of mezo, n-spsa, /);
    await expect(run('sst2-16', {})).rejects.toThrow(/nothing\/sst2\/train.jsonl is not there/);
    await expect(run('trec', { data: undefined })).rejects.toMatchObject({
      code: 'ERR_ZEST_OPTION',
      message: '--data is missing; expected the folder that has trec/',
    });
    // Nothing is left of what could not begin.
    expect(await readdir(folder)).not.toEqual(expect.arrayContaining(['sst2-16', 'trec']));
  });

  it('trains a decoder, its adapter and on its metric, on as many seeds and examples as are asked for', async () => {
    const model = join(folder, 'decoder');
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), model, { recursive: true });
    writeByteTokenizer(model, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyzI0123456789.,:\n?' });
    const rows = Array.from({ length: 80 }, (_, i) => JSON.stringify({ sentence: `row ${i}`, label: i % 2 }));
    await mkdir(join(folder, 'few', 'sst2'), { recursive: true });
    for (const split of ['train', 'validation']) {
      await writeFile(join(folder, 'few', 'sst2', `${split}.jsonl`), rows.join('\n'));
    }
    const methods = ['fzoo-metric'];
    const options = { model, data: join(folder, 'few'), forwards: 10, seeds: 2, examples: 20, rungs: 0, methods };
    const events = await run('smollm2-sst2-lora', options);
    expect(events.map(({ kind }) => kind)).toEqual(['run', 'run', 'done']);
    const last = events.at(-1);
    if (last?.kind !== 'done') throw new Error('no result');
    expect(last.result).toMatchObject({ forwards: 10, seeds: 2, examples: 20, before: { test: { count: 20 } } });
    expect(last.result.methods).toMatchObject([{ name: 'fzoo-metric', learningRate: 0.1, tried: {} }]);
    expect(last.result.methods[0]!.runs.map((one) => one?.seed)).toEqual([2, 3]);
    const trained = await readFile(join(last.output, 'fzoo-metric', '0.1', '2', 'config.yaml'), 'utf8');
    expect(trained).toMatch(/metric: accuracy/);
    expect(trained).toMatch(/rank: 8/);
    expect(experimentMarkdown(last.result)).not.toContain('sharpness');
    await expect(run('smollm2-sst2-lora', { ...options, seeds: 3 })).rejects.toThrow(
      /another output: seeds is 3; expected 2, of the results there$/,
    );
    const other = join(folder, 'other-decoder');
    cpSync(model, other, { recursive: true });
    await writeFile(join(folder, 'few', 'sst2', 'train.jsonl'), rows.slice(1).join('\n'));
    await expect(run('smollm2-sst2-lora', { ...options, model: other, rungs: 1 })).rejects.toThrow(
      /rungs is 1; expected 0, .*\nmodel is '.*other-decoder'; expected .*\ndata is 'sha256:/,
    );
  });

  it('keeps the weights that are best in validation, where runs are evaluated more than once', async () => {
    const rows = Array.from({ length: 700 }, (_, i) =>
      JSON.stringify({ premise: `the film ${i} was good`, hypothesis: i % 3 === 0 ? 'no' : 'yes', label: i % 3 }),
    );
    await mkdir(join(folder, 'few', 'snli'), { recursive: true });
    for (const split of ['train', 'validation'])
      await writeFile(
        join(folder, 'few', 'snli', `${split}.jsonl`),
        rows.slice(0, split === 'train' ? 700 : 60).join('\n'),
      );
    const options = { data: join(folder, 'few'), forwards: 120, seeds: 2, rungs: 0, methods: ['auto'], evaluations: 3 };
    const last = (await run('snli-16', options)).at(-1);
    if (last?.kind !== 'done') throw new Error('no result');
    expect(last.result).toMatchObject({ forwards: 120, evaluations: 3, before: { test: { count: 60 } } });
    for (const { seed, validation, test } of last.result.methods[0]!.runs as ExperimentRun[]) {
      const lines = await readFile(join(last.output, 'auto', '1', `${seed}`, 'metrics.jsonl'), 'utf8');
      const events = lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const evaluated = events.filter(({ kind, split }) => kind === 'evaluation' && split === 'validation');
      expect(evaluated.map(({ step }) => step)).toEqual([0, 2, 4, 6, 7]);
      expect(validation.accuracy).toBe(Math.max(...evaluated.map(({ accuracy }) => accuracy)));
      expect(test.count).toBe(60);
    }
    const { evaluations, ...once } = options;
    await expect(run('snli-16', once)).rejects.toThrow(/evaluations is 1; expected 3, of the results there/);
  });

  it('fits logistic regression to embeddings: classes of a prompt, and options of each example', async () => {
    const output = join(folder, 'embeddings');
    const events = await run('afinn-16', { output, forwards: 10, methods: ['embeddings'] });
    const last = events.at(-1);
    if (last?.kind !== 'done') throw new Error('no result');
    const [found] = last.result.methods;
    expect(found).toMatchObject({ name: 'embeddings', title: 'frozen embeddings, logistic regression' });
    expect(found!.learningRate).toBeUndefined();
    expect(Object.keys(found!.tried).map(Number)).toContain(found!.strength);
    expect(found!.tried[found!.strength!]).toBe(Math.min(...(Object.values(found!.tried) as number[])));
    expect(found!.runs.map((one) => one?.seed)).toEqual([2, 3, 4, 5, 6]);
    for (const one of found!.runs) expect(one!.test.accuracy).toBeGreaterThan(0.52);
    expect(new Set(found!.runs.map((one) => one!.test.loss)).size).toBe(5); // each seed has words of its own
    expect(experimentMarkdown(last.result)).toMatch(/frozen embeddings, logistic regression \| C = [\de.-]+ \| /);
    const one = { output, forwards: 10, methods: ['embeddings'], seeds: 1 };
    await rm(join(output, 'experiment.json'));
    const fewer = (await run('afinn-16', one)).at(-1);
    expect(fewer).toMatchObject({ result: { seeds: 1, methods: [{ runs: [found!.runs[0]] }] } });
    expect(await run('afinn-16', one)).toEqual([fewer]);

    const model = join(folder, 'chooser');
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), model, { recursive: true });
    writeByteTokenizer(model, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyzI0123456789.,:\n?' });
    // The right option is the one with a 7.
    const choices = Array.from({ length: 90 }, (_, i) => {
      const pair = [`it was ${i} x`, `it was ${i} 7`];
      const [choice1, choice2] = i % 3 === 0 ? pair : pair.reverse();
      return JSON.stringify({ premise: 'a', question: 'effect', choice1, choice2, label: i % 3 === 0 ? 1 : 0 });
    });
    await mkdir(join(folder, 'few', 'copa'), { recursive: true });
    for (const split of ['train', 'validation'])
      await writeFile(join(folder, 'few', 'copa', `${split}.jsonl`), choices.join('\n'));
    const options = { model, data: join(folder, 'few'), seeds: 2, examples: 20, forwards: 10, methods: ['embeddings'] };
    const chosen = (await run('smollm2-copa-lora', options)).at(-1);
    if (chosen?.kind !== 'done') throw new Error('no result');
    for (const one of chosen.result.methods[0]!.runs) expect(one!.test.accuracy).toBeGreaterThan(0.9);
    await expect(run('smollm2-squad-lora', { ...options, data: folder })).rejects.toMatchObject({
      code: 'ERR_ZEST_OPTION',
      message: 'method "embeddings" is a classifier, and the answers of smollm2-squad-lora are texts; expected others',
    });
  });

  it('refuses numbers of runs and forwards that make no sense before the first run', async () => {
    for (const options of [{ jobs: 0 }, { jobs: 1.5 }, { forwards: 0 }, { forwards: Number.NaN }]) {
      const [key] = Object.keys(options);
      const expected = { code: 'ERR_ZEST_OPTION', message: expect.stringContaining(`${key} is `) };
      await expect(run('afinn-16', options)).rejects.toMatchObject(expected);
    }
    await expect(run('afinn-16', { forwards: 5 })).rejects.toThrow(
      /forwards is 5; expected 10 or more, which a step takes/,
    );
  });

  it('ends with the name of a method of which no run gets to its end', async () => {
    const events: ExperimentEvent[] = [];
    const output = join(folder, 'broken');
    // Inherited by the runs, which end before they begin.
    process.env.NODE_OPTIONS = `--require ${join(folder, 'nothing.cjs')}`;
    const all = async () => {
      for await (const event of compareMethods('afinn', {
        data: '',
        output,
        forwards: 2,
        methods: ['mezo'],
        jobs: 1,
      })) {
        events.push(event);
      }
    };
    try {
      await expect(all()).rejects.toThrow(/no run of mezo got to its end, at learning rates 0.00003, 0.00001, 0.0001/);
    } finally {
      delete process.env.NODE_OPTIONS;
    }
    expect(events).toHaveLength(3);
    for (const event of events)
      expect(event).toMatchObject({ kind: 'run', validation: null, error: 'the run ended with status 1' });
  });
});

describe('limit', () => {
  it('keeps to the limit, in order, also after a failure', async () => {
    const slot = limit(2);
    const order: number[] = [];
    let running = 0;
    const works = [0, 1, 2, 3, 4].map((i) =>
      slot(async () => {
        expect(++running).toBeLessThanOrEqual(2);
        order.push(i);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
        if (i === 1) throw new Error('one');
        return i;
      }),
    );
    const ended = await Promise.allSettled(works);
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(ended.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, true, true]);
  });
});

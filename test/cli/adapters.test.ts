import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Model } from '../../lib/model/model.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import type { Config } from '../../lib/training/schema.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { readTensors } from '../fixtures/parity/checkpoint.ts';
import { reviewConfig, reviewFolder } from '../training/runs.ts';
import { parseLines, zest } from './zest.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const classes: Partial<Config> = {
  head: { classes: 2 },
  task: { kind: 'class', fields: ['sentence'], classes: 2 },
};
const RUNS: [string, Partial<Config>, { dimension: number; saved: number }][] = [
  // Four layers of width 192 with 768 inside; rank 4 on query and value, or on the three called dense.
  ['lora', { trainable: { lora: { rank: 4, alpha: 8 } } }, { dimension: 4 * 2 * 2 * 4 * 192, saved: 0 }],
  ['prefix', { trainable: { prefix: { tokens: 5 } } }, { dimension: 4 * 2 * 5 * 192, saved: 8 }],
  [
    'lora and a new head',
    { trainable: { lora: { rank: 4, alpha: 8, targets: ['dense'] } }, ...classes },
    { dimension: 4 * 4 * (2 * 192 + 2 * (192 + 768)) + 192 * 193 + 2 * 193, saved: 4 },
  ],
];

describe.each(RUNS)('zest train with %s', (name, changes, { dimension, saved }) => {
  it('trains that alone, and leaves a run that evaluate and replay take', async () => {
    const optimizer = { method: 'zest' as const, directions: 2, tilt: { tau: 1 }, learningRate: 1e-3 };
    const config = { ...reviewConfig(folder, name), optimizer, ...changes };
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, stringify(config));
    const trained = await zest(['train', file, '--json']);
    expect(trained).toMatchObject({ status: 0 });
    const events = parseLines(trained.stdout);
    expect(events[0]).toMatchObject({ kind: 'start', dimension });
    const summary = JSON.parse(await readFile(join(config.output, 'summary.json'), 'utf8'));

    const log = join(config.output, 'trajectory.zest');
    const { trainable, head } = (await readTrajectory(log)).header.config as Config;
    using model = await Model.load(config.model, { trainable, head });
    await replayTrajectory(model, log);
    expect(await model.digest()).toBe(summary.digest);

    const own = readTensors(config.model);
    const last = readTensors(join(config.output, 'checkpoints', 'last'));
    expect([...last.keys()].filter((tensor) => tensor.includes('lora'))).toEqual([]);
    expect([...last.keys()].filter((tensor) => !own.has(tensor))).toHaveLength(saved);

    const evaluated = await zest(['evaluate', config.output, '--json']);
    expect(evaluated).toMatchObject({ status: 0 });
    const test = parseLines(evaluated.stdout).find(({ split }) => split === 'test');
    expect(test).toMatchObject({ step: summary.kept.step, accuracy: summary.test.accuracy });
    expect(Math.abs((test?.loss as number) - summary.test.loss)).toBeLessThan(1e-5);
  });
});

describe('zest train, told to keep LoRA as an adapter', () => {
  const optimizer = { method: 'mezo' as const, learningRate: 1e-2 };
  const trainable = { lora: { rank: 2, alpha: 8 } };
  const run = async (name: string, changes: object, training: object) => {
    const config = { ...reviewConfig(folder, name), optimizer, ...changes } as Config;
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, stringify({ ...config, training: { ...config.training, ...training } }));
    return { trained: await zest(['train', file, '--json']), last: join(config.output, 'checkpoints', 'last'), config };
  };

  it.each([
    ['alone', 'adapter', ''],
    ['beside the merged weights', 'both', 'adapter'],
  ])('%s, saves what evaluate, predict and a next run take', async (_, weights, at) => {
    const { trained, last, config } = await run(`weights-${weights}`, { trainable, ...classes }, { weights, steps: 3 });
    expect(trained).toMatchObject({ status: 0 });
    const adapter = join(last, at);
    const files = [
      'adapter_config.json',
      'adapter_model.safetensors',
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ];
    expect((await readdir(adapter)).sort()).toEqual(files);
    expect((await readdir(last)).includes('model.safetensors')).toBe(weights === 'both');
    const summary = JSON.parse(await readFile(join(config.output, 'summary.json'), 'utf8'));
    const evaluated = parseLines((await zest(['evaluate', config.output, '--json'])).stdout);
    expect(evaluated.find(({ split }) => split === 'test')).toMatchObject({ accuracy: summary.test.accuracy });
    const measuring = ['--examples', '4', '--samples', '2', '--slice', '0', '--json'];
    const measured = await zest(['sharpness', config.output, ...measuring]);
    expect(measured).toMatchObject({ status: 0 });
    // All weights but the adapter's own are perturbed, of the model with it as of the model as it came.
    expect(parseLines(measured.stdout).at(-1)).toMatchObject({ dimension: 3_439_874 });
    const next = await run(`next-${weights}`, { adapter, ...classes, head: undefined }, { steps: 1 });
    expect(next.trained).toMatchObject({ status: 0 });
    const { dimension } = parseLines(trained.stdout)[0] as { dimension: number };
    expect(parseLines(next.trained.stdout)[0]).toMatchObject({ dimension });
  });

  it.each([
    ['merge', (to: string) => ['merge', '/nowhere', '--output', to]],
    ['replay', (to: string) => ['replay', '/nowhere', '--output', to]],
    ['apply-log', (to: string) => ['apply-log', '/nowhere', '/nowhere/log', '--output', to]],
  ])('is not written over by %s, which says so before any work', async (_, args) => {
    const adapter = join(folder, 'weights-adapter/checkpoints/last');
    expect(await zest(args(adapter))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('has adapter_model.safetensors'),
    });
  });

  it('refuses where nothing is LoRA', async () => {
    const { trained } = await run('no-lora', {}, { weights: 'adapter' });
    expect(trained).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('expected merged without trainable.lora'),
    });
  });
});

describe('zest generate', () => {
  it('goes on with what a run trained: all weights, LoRA as merged and as its own files, a prefix', async () => {
    const model = join(folder, 'llama');
    await cp(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), model, { recursive: true });
    writeByteTokenizer(model, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz' });
    const rows = Array.from({ length: 24 }, (_, i) => `{"text":"${i % 2 ? 'good' : 'bad'} film","label":${i % 2}}\n`);
    await writeFile(join(folder, 'texts.jsonl'), rows.join(''));
    const generated = async (path: string) => {
      const { status, stdout } = await zest(['generate', path, '--prompt', 'a film', '--max-tokens', '12', '--json']);
      expect(status).toBe(0);
      return parseLines(stdout)[0]?.text;
    };
    const before = await generated(model);
    expect(await zest(['generate', model, '--prompt', 'a film', '--device', 'gpu'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/device is 'gpu'; expected .*cuda/),
    });
    const lora = { lora: { rank: 4, alpha: 8 } };
    const told = new Set([before]);
    for (const [name, trainable, weights] of [
      ['whole', 'all', 'merged'],
      ['merged', lora, 'merged'],
      ['adapter', lora, 'adapter'],
      ['prefixed', { prefix: { tokens: 4 } }, 'merged'],
    ] as const) {
      const config = {
        ...{ model, trainable, device: 'cpu', output: join(folder, `causal-${name}`) },
        task: { template: '{text}{mask}', labelWords: ['a', 'b'] },
        data: { train: join(folder, 'texts.jsonl') },
        optimizer: { method: 'mezo', learningRate: 0.05 },
        training: { steps: 10, batchSize: 8, weights },
      };
      const file = join(folder, `causal-${name}.json`);
      await writeFile(file, JSON.stringify(config));
      expect(await zest(['train', file])).toMatchObject({
        status: 0,
        stderr: expect.stringMatching(/weights of step/),
      });
      told.add(await generated(config.output));
    }
    // Both ways to save LoRA are the same weights; all else is told apart.
    expect(told.size).toBe(4);
  });
});

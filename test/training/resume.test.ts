import { appendFile, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainEvent } from '../../lib/runs/events.ts';
import { replayRun } from '../../lib/training/replay-run.ts';
import { decodeResumable, encodeResumable } from '../../lib/training/run-state.ts';
import type { Config } from '../../lib/training/schema.ts';
import { train } from '../../lib/training/train.ts';
import { verifyRun } from '../../lib/training/verify-run.ts';
import { film } from '../fixtures/film.ts';
import { outcome, timeless } from './kills.ts';
import { ofKind, readMetrics, readSummary, replay, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

/** Trains until a step, and leaves the run as a process that ends there does. */
const leaveAfter = async (config: Config, step: number, options?: Parameters<typeof train>[1]): Promise<void> => {
  for await (const event of train(config, options)) if (event.kind === 'step' && event.step === step) return;
};

const long = (config: ReturnType<typeof reviewConfig>) => ({
  ...config,
  training: { ...config.training, steps: 11, evaluateEvery: 3, checkpointEvery: 4, patience: 3 },
});

describe('a run that goes on', () => {
  let whole: Awaited<ReturnType<typeof outcome>>;
  beforeAll(async () => {
    const config = long(reviewConfig(folder, 'whole'));
    await run(config);
    whole = await outcome(config.output);
  });

  it.each([1, 4, 9])('after step %i ends as one that was never stopped', async (step) => {
    const config = long(reviewConfig(folder, `left-${step}`));
    await leaveAfter(config, step);
    const events = await run(config, { resume: true });
    expect(ofKind(events, 'resume')).toEqual([
      { kind: 'resume', step, checkpoint: step <= 4 ? 0 : step <= 8 ? 4 : 8, tornBytes: 0 },
    ]);
    expect(ofKind(events, 'step').map((event) => event.step)).toEqual(
      Array.from({ length: 11 - step }, (_, i) => step + 1 + i),
    );
    expect(await outcome(config.output)).toEqual(whole);
    expect((await replay(config.output)).after).toBe((await readSummary(config.output)).digest);
  });

  it('after an abort, whose last weights were scored and kept, ends the same', async () => {
    const config = long(reviewConfig(folder, 'aborted'));
    for (const at of [4, 5, 10]) {
      const controller = new AbortController();
      const stopped = (async () => {
        for await (const event of train(config, { resume: true, signal: controller.signal }))
          if (event.kind === 'step' && event.step === at) controller.abort(new Error('enough'));
      })();
      await expect(stopped).rejects.toThrow('enough');
      expect((await readSummary(config.output)).interrupted).toBe(true);
    }
    await run(config, { resume: true });
    expect(await outcome(config.output)).toEqual(whole);
  });

  it('with a torn log and torn metrics, a checkpoint too few or a damaged one ends the same', async () => {
    const config = long(reviewConfig(folder, 'torn'));
    await leaveAfter(config, 9);
    const log = join(config.output, 'trajectory.zest');
    const damages: [string, (output: string) => Promise<unknown>][] = [
      ['torn records', async () => truncate(log, (await readFile(log)).length - 30)],
      ['bytes behind the log', () => appendFile(log, 'torn')],
      ['half a line', () => appendFile(join(config.output, 'metrics.jsonl'), '{"kind":"step","st')],
      ['a line of zeros', () => appendFile(join(config.output, 'metrics.jsonl'), Buffer.alloc(200))],
      ['no last checkpoint', () => rm(join(config.output, 'checkpoints', 'last'), { recursive: true })],
      ['a cut checkpoint', () => truncate(join(config.output, 'checkpoints', 'last', 'model.safetensors'), 1e6)],
      [
        'another best',
        () =>
          cp(join(config.output, 'checkpoints', 'last'), join(config.output, 'checkpoints', 'best'), {
            recursive: true,
          }),
      ],
      ['no state', () => rm(join(config.output, 'state.json'))],
      ['half a state', () => truncate(join(config.output, 'state.json'), 100)],
      ['another number in the state', () => damaged('state.json', /"forwards":\d+/, '"forwards":7')],
      ['another kind of value in it', () => damaged('state.json', /"watched":\[/, '"watched":"x","was":[')],
      ['a summary that is none', () => damaged('summary.json', /.*/s, '{"steps":11,"interrupted":false}')],
      ['no configuration', () => rm(join(config.output, 'config.yaml'))],
    ];
    const damaged = async (name: string, from: RegExp, to: string) => {
      const file = join(config.output, name);
      await writeFile(file, (await readFile(file, 'utf8').catch(() => '')).replace(from, to));
    };
    const kept = join(folder, 'torn-kept');
    await cp(config.output, kept, { recursive: true });
    for (const [name, damage] of damages) {
      await rm(config.output, { recursive: true });
      await cp(kept, config.output, { recursive: true });
      await damage(config.output);
      for await (const _ of train(config.output, { resume: true }));
      expect({ name, ...(await outcome(config.output)) }).toEqual({ name, ...whole });
    }
  });

  it('that has ended says so, and takes more steps where the schedule allows it', async () => {
    const config = long(reviewConfig(folder, 'longer'));
    const shorter = { ...config, training: { ...config.training, steps: 7 } };
    await run(shorter);
    const summary = await readSummary(config.output);
    expect(await run(shorter, { resume: true })).toEqual([{ kind: 'done', output: config.output, summary }]);
    const events: TrainEvent[] = [];
    for await (const event of train(config.output, { resume: true, overrides: ['training.steps=11'] }))
      events.push(event);
    expect(ofKind(events, 'step')[0]?.step).toBe(8);
    const { metrics, ...rest } = await outcome(config.output);
    const { metrics: expected, ...others } = whole;
    // Its start tells of the steps that it was begun with.
    expect((metrics as unknown[]).slice(1)).toEqual((expected as unknown[]).slice(1));
    expect(rest).toEqual(others);
  });

  it('has its state back whatever its labels are called', () => {
    const state = { level: Number.NaN, told: { '#number': 3 }, seconds: { '#number': -Infinity, a: 'NaN' } } as never;
    expect(decodeResumable(encodeResumable(state, 'sha256:0'))).toEqual({ resumable: state, digest: 'sha256:0' });
  });

  it('begins where there is none, and is refused beside overwrite', async () => {
    const config = reviewConfig(folder, 'new');
    const events = await run({ ...config, training: { ...config.training, steps: 1 } }, { resume: true });
    expect(events[0]).toMatchObject({ kind: 'start' });
    await expect(run(config, { resume: true, overwrite: true })).rejects.toMatchObject({ code: 'ERR_ZEST_OPTION' });
    await expect(train(folder, { resume: true }).next()).rejects.toMatchObject({
      code: 'ERR_ZEST_RUN',
      message: `${folder} holds no run; expected the folder of one, or a configuration`,
    });
    await expect(train(config.output, { resume: true, overrides: ['output=elsewhere'] }).next()).rejects.toMatchObject({
      code: 'ERR_ZEST_CONFIG',
      message: `override output=elsewhere: expected no output beside the folder of a run, ${config.output}, in which it goes on`,
    });
  });

  it('is refused with what has changed', async () => {
    const own = await reviewFolder();
    const config = { ...reviewConfig(own, 'changed') };
    await leaveAfter(config, 3);
    const before = await readdir(config.output);
    const refused = (changed: Config, message: RegExp) =>
      expect(run(changed, { resume: true })).rejects.toMatchObject({
        code: 'ERR_ZEST_RUN',
        message: expect.stringMatching(message),
      });
    await refused(
      { ...config, optimizer: { ...config.optimizer, learningRate: 1e-5, directions: 3 } },
      /directions is 3; expected 2, which it was begun with\noptimizer.learningRate is 0.00001; expected 0.00002/,
    );
    await refused({ ...config, training: { ...config.training, steps: 5 } }, /training.steps is 5; expected 6/);
    await refused({ ...config, training: { ...config.training, seed: 2 } }, /training.seed is 2; expected 1/);
    // Checkpoints of one kind would stand beside those of the other.
    await refused(
      { ...config, trainable: { lora: { rank: 2, alpha: 4 } }, training: { ...config.training, weights: 'adapter' } },
      /training.weights is 'adapter'; expected 'merged', which it was begun with/,
    );
    const linear = { ...config, optimizer: { ...config.optimizer, schedule: 'linear' as const } };
    await refused(
      { ...linear, training: { ...config.training, steps: 9 } },
      /schedule .* with schedule constant only/s,
    );
    await appendFile(config.data.train, '{"sentence": "one more", "label": 1}\n');
    await refused(config, /what data.train names is of the digest 'sha256:.*'; expected of the digest 'sha256:/);
    expect(await readdir(config.output)).toEqual(before);
    await rm(own, { recursive: true });
  });

  it('is refused where one of several data files, the tokenizer or the settings of the base have changed', async () => {
    const own = await reviewFolder();
    const base = join(own, 'base');
    await cp(film, base, { recursive: true });
    const { data, ...rest } = reviewConfig(own, 'parts');
    const parts = join(own, 'parts-of-data');
    await mkdir(parts);
    for (const name of ['a', 'b']) await cp(data.train, join(parts, `${name}.jsonl`));
    const b = join(parts, 'b.jsonl');
    const config: Config = { ...rest, model: base, data: { train: [join(parts, 'a.jsonl'), b], validation: parts } };
    await leaveAfter(config, 2);
    for (const [file, from, to, what] of [
      [b, /"label":\s*1/, '"label": 0', 'data\\.train'],
      [b, /"label":\s*1/, '"label": 0', 'data\\.validation'],
      [join(base, 'tokenizer.json'), /"unk_token"/, '"unk__token"', 'model'],
      [join(base, 'config.json'), /"layer_norm_eps": [^,\n]*/, '"layer_norm_eps": 0.01', 'model'],
    ] as const) {
      const text = await readFile(file, 'utf8');
      expect(text).toMatch(from);
      await writeFile(file, text.replace(from, to));
      await expect(run(config, { resume: true })).rejects.toMatchObject({
        code: 'ERR_ZEST_RUN',
        message: expect.stringMatching(new RegExp(`what ${what} names is of the digest 'sha256:`)),
      });
      await writeFile(file, text);
    }
    expect(ofKind(await run(config, { resume: true }), 'resume')).toHaveLength(1);
    await rm(own, { recursive: true });
  });
});

describe('what else a run goes on with', () => {
  const same = async (name: string, change: (config: ReturnType<typeof reviewConfig>) => Config, step = 3) => {
    const whole = change(reviewConfig(folder, `${name}-whole`));
    await run(whole);
    const left = change(reviewConfig(folder, `${name}-left`));
    await leaveAfter(left, step);
    const events = await run(left, { resume: true });
    expect(ofKind(events, 'resume')[0]?.step).toBe(step);
    const [a, b] = await Promise.all(
      [whole, left].map(async ({ output }) => ({
        metrics: timeless(await readMetrics(output)),
        summary: timeless(await readSummary(output)),
      })),
    );
    expect(b).toEqual(a);
  };

  it.each<[string, (config: ReturnType<typeof reviewConfig>) => Config]>([
    ['lora', (config) => ({ ...config, trainable: { lora: { rank: 2, alpha: 4 } } })],
    [
      'adapter',
      (config) => ({
        ...config,
        trainable: { lora: { rank: 2, alpha: 4 } },
        training: { ...config.training, weights: 'adapter' },
      }),
    ],
    ['prefix', (config) => ({ ...config, trainable: { prefix: { tokens: 2 } } })],
    ['bfloat16', (config) => ({ ...config, dtype: 'bfloat16' })],
    ['sphere', (config) => ({ ...config, optimizer: { ...config.optimizer, law: 'sphere' } })],
    ['bias', (config) => ({ ...config, trainable: 'bias' })],
    ['sign', (config) => ({ ...config, optimizer: { ...config.optimizer, rule: 'sign' } })],
    ['momentum', (config) => ({ ...config, optimizer: { ...config.optimizer, rule: { momentum: 0.9 } } })],
    ['adam', (config) => ({ ...config, optimizer: { ...config.optimizer, rule: { adam: {} }, learningRate: 1e-4 } })],
    [
      'anchored',
      (config) => ({ ...config, optimizer: { ...config.optimizer, weightDecay: 10, decayTowards: 'start' } }),
    ],
    ['auto', (config) => ({ ...config, optimizer: { method: 'auto' } })],
    ['svrg', (config) => ({ ...config, optimizer: { method: 'svrg', learningRate: 1e-5, interval: 3 } })],
    ['linear', (config) => ({ ...config, optimizer: { ...config.optimizer, schedule: 'linear', warmupSteps: 2 } })],
  ])('%s', async (name, change) => {
    await same(name, change, 5);
  });

  it('verifies a checkpoint of LoRA by the weights that it loads with, whatever else is in the folder', async () => {
    const config: Config = { ...reviewConfig(folder, 'beside'), trainable: { lora: { rank: 2, alpha: 4 } } };
    await run(config);
    const [last, other] = [join(config.output, 'checkpoints', 'last'), join(folder, 'beside-adapter')];
    const { model } = await replayRun(config.output, { toStep: 1 });
    await model.save(other, { weights: 'adapter' });
    model.dispose();
    await cp(other, last, { recursive: true, force: false });
    expect(await readdir(last)).toEqual(expect.arrayContaining(['adapter_model.safetensors', 'model.safetensors']));
    expect(await verifyRun(config.output)).toContainEqual({ name: 'last', step: 6, isLogged: true, isRight: true });
  });

  it('a method with a state of its own', async () => {
    const method = join(folder, 'momentum.mjs');
    await writeFile(
      method,
      `import { defineMethod, z } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      export default defineMethod({
        name: 'smoothed', title: 'Smoothed', options: { rho: z.number().positive().default(1e-3).describe('scale') },
        streams: () => 1, forwards: () => 2, diagnostics: { smooth: { title: 'Smooth', words: 'Mean slope.' } },
        initialState: () => ({ smooth: 0, seen: [] }),
        *estimate({ rho }, { streams: [stream], state }) {
          const [a, b] = yield [{ stream, scale: rho }, { stream, scale: -rho }];
          const smooth = 0.9 * state.smooth + (a - b) / (2 * rho);
          const terms = [{ stream, coefficient: smooth }];
          return { terms, meanLoss: (a + b) / 2, diagnostics: { smooth }, state: { smooth, seen: [...state.seen, a] } };
        },
      });`,
    );
    await same('own', (config) => ({ ...config, optimizer: { method, learningRate: 1e-5 } as never }), 5);
    await same('own-early', (config) => ({ ...config, optimizer: { method, learningRate: 1e-5 } as never }), 2);
  });
});

// Nothing is left to take again then, so that the state that a rule keeps comes from the log alone.
it.each([
  ['momentum', { rule: 'momentum' }],
  ['Adam', { rule: 'adam' }],
  ['a decay towards the start', { weightDecay: 0.1, decayTowards: 'start' }],
] as const)('a run with %s that ended at its last checkpoint takes more steps', async (name, more) => {
  const config = (output: string, steps: number): Config => ({
    ...reviewConfig(folder, output),
    optimizer: { method: 'mezo', learningRate: 1e-4, ...more },
    training: { steps, batchSize: 4, maxLength: 32, evaluateEvery: 2, checkpointEvery: 4 },
  });
  const key = name.replaceAll(' ', '-');
  await run(config(`short-${key}`, 4));
  await run(config(`short-${key}`, 7), { resume: true });
  await run(config(`straight-${key}`, 7));
  expect((await readSummary(config(`short-${key}`, 7).output)).digest).toBe(
    (await readSummary(config(`straight-${key}`, 7).output)).digest,
  );
});

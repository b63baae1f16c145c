import { cpSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRows } from '../../lib/data/read-rows.ts';
import { shuffledBatches } from '../../lib/data/sampling.ts';
import { mezo } from '../../lib/methods/mezo.ts';
import { Model } from '../../lib/model/model.ts';
import { metricObjective } from '../../lib/objectives/metric.ts';
import { taskLoss } from '../../lib/objectives/task-loss.ts';
import { exampleTilt } from '../../lib/objectives/tilt.ts';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { resolveConfig } from '../../lib/training/config.ts';
import { evaluate } from '../../lib/training/evaluate.ts';
import { findLearningRate } from '../../lib/training/find-learning-rate.ts';
import type { Config } from '../../lib/training/schema.ts';
import { train } from '../../lib/training/train.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { digestOf, ofKind, readSummary, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
beforeAll(async () => {
  folder = await reviewFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const configured = (output: string, objective: Config['objective']) => {
  const config = reviewConfig(folder, output);
  const optimizer = { method: 'mezo', learningRate: 1e-4, rho: 1e-2 } as const;
  return { ...config, optimizer, training: { ...config.training, steps: 3 }, objective } satisfies Config;
};

/** The weights of the same steps, taken by hand. */
const digestByHand = async (config: Config, wrap: (model: Model, task: never) => unknown): Promise<string> => {
  const model = await Model.load(film, { device: 'cpu' });
  const task = await loadTask(config.task, await Tokenizer.load(film), { maxLength: 32 });
  const examples = task.examples(await readRows(config.data.train as string));
  const objective = wrap(model, task as never) as ReturnType<typeof metricObjective>;
  const optimizer = mezo({ learningRate: 1e-4, rho: 1e-2, seed: 1 });
  const batches = shuffledBatches(examples.length, 8, 1);
  for (let step = 0; step < 3; step++) {
    await optimizer.step(
      objective,
      batches.batch(step).map((row) => examples[row]!),
    );
  }
  const digest = await model.digest();
  model.dispose();
  return digest;
};

describe('the objective of a configuration', () => {
  it('may be a metric', async () => {
    const config = configured('metric', { metric: 'accuracy' });
    const events = await run(config);
    const { digest, forwards } = await readSummary(config.output);
    expect(digest).toBe(await digestByHand(config, (model, task) => metricObjective(model, task, 'accuracy')));
    expect(forwards).toBe(6);
    for (const { meanLoss } of ofKind(events, 'step')) expect(meanLoss).toBeLessThanOrEqual(0);
  });

  it('may be a metric that auto learns, which goes on after a stop as if there were none', async () => {
    const automatic = (output: string): Config => ({
      ...configured(output, { metric: 'accuracy' }),
      optimizer: { method: 'auto', rho: 0.05, directions: 4 },
    });
    const [whole, stopped] = [automatic('auto'), automatic('auto-stopped')];
    const steps = ofKind(await run(whole), 'step');
    expect(steps.map(({ meanLoss }) => meanLoss < 0)).toEqual([true, true, true]);
    const controller = new AbortController();
    const leave = async () => {
      for await (const { kind } of train(stopped, { signal: controller.signal }))
        if (kind === 'step') controller.abort();
    };
    await expect(leave()).rejects.toThrow('aborted');
    await run(stopped, { resume: true });
    const { digest } = await readSummary(stopped.output);
    expect(digest).toBe((await readSummary(whole.output)).digest);
    expect(digest).not.toBe(await digestOf(film));
  });

  it('may tilt over examples', async () => {
    const config = configured('tilted', { exampleTilt: -0.5 });
    await run(config);
    const plain = (model: Model, task: never) => exampleTilt(taskLoss(model, task), -0.5);
    expect((await readSummary(config.output)).digest).toBe(await digestByHand(config, plain as never));
  });

  it('may tilt over groups of the data', async () => {
    const rows = (await readRows(join(folder, 'train.jsonl'))).map(({ fields }, i) => ({ ...fields, site: i % 3 }));
    const file = join(folder, 'groups.jsonl');
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const config = configured('groups', { groupTilt: 4 });
    const grouped = { ...config, data: { train: file, group: 'site' } };
    const [first] = ofKind(await run(grouped), 'step');
    const [plain] = ofKind(
      await run({ ...config, data: { train: file }, objective: undefined, output: join(folder, 'plain') }),
      'step',
    );
    expect(first!.meanLoss).toBeGreaterThan(plain!.meanLoss);
    await rejects(
      () => run({ ...grouped, data: { train: file, group: 'sites' }, output: join(folder, 'x') }),
      'ERR_ZEST_DATA',
      /groups\.jsonl:1: field "sites" is undefined; expected the group/,
    );
  });

  it('may be a reward, by which the run is judged', async () => {
    const reward = join(folder, 'negative.mjs');
    await writeFile(reward, 'export default ({ probabilities }) => probabilities.terrible;');
    const config = configured('reward', { reward });
    const texts = join(folder, 'texts.jsonl');
    await writeFile(texts, '{"sentence":"a film"}\n{"sentence":"a dull film"}\n{"sentence":"the cast"}\n');
    const data = { train: texts, validation: texts, test: texts };
    const events = await run({ ...config, data, training: { ...config.training, steps: 2 } });
    const [before] = ofKind(events, 'evaluation');
    expect(before).toMatchObject({ reward: -before!.loss, count: 3 });
    expect(before).not.toHaveProperty('accuracy');
    const { validation, test, kept } = await readSummary(config.output);
    expect(validation!.reward).toBeGreaterThanOrEqual(before!.reward!);
    expect(await digestOf(join(config.output, 'checkpoints', kept.name))).toMatch(/^sha256/);
    for await (const { reward, report } of evaluate(config.output)) {
      expect(reward).toBeCloseTo(test!.reward!, 12);
      expect(report).toMatchObject({ kind: 'answers', worst: [{ loss: expect.any(Number) }, {}, {}] });
    }
  });

  it('leaves out what a reward fails on, and says so once', async () => {
    const reward = join(folder, 'picky.mjs');
    await writeFile(
      reward,
      "export default ({ probabilities }, { fields }) => (fields.sentence.startsWith('the') ? NaN : probabilities.great);",
    );
    const config = configured('picky', { reward, onError: 'skip' });
    const data = { train: join(folder, 'train.jsonl') };
    // What a run is judged by has to be known of every example: the first one is asked before the run.
    await writeFile(join(folder, 'some.jsonl'), '{"sentence":"this film"}\n{"sentence":"the cast"}\n');
    const events = await run({ ...config, data: { train: join(folder, 'some.jsonl') } });
    const warnings = ofKind(events, 'warning').filter(({ code }) => code === 'WARN_ZEST_REWARD');
    expect(warnings).toHaveLength(1);
    // Evaluations leave it out of the score, and strict ones do not.
    const both = { train: join(folder, 'some.jsonl'), validation: join(folder, 'some.jsonl') };
    const judged = await run({ ...config, data: both, output: join(folder, 'judged') });
    const evaluated = ofKind(judged, 'evaluation');
    expect(evaluated.length).toBeGreaterThan(1);
    for (const { count, reward: value } of evaluated) expect([count, Number.isFinite(value)]).toEqual([1, true]);
    expect(warnings[0]!.message).toMatch(/some\.jsonl:2 at the point of stream 0, scale 0\.01.* is NaN.*left out/);
    const strict = { ...config, data, objective: { reward }, output: join(folder, 'strict') };
    await rejects(() => run(strict), 'ERR_ZEST_REWARD', /train\.jsonl:1 at the weights themselves is NaN/);
  });

  it('may reward texts, whose data need no answer', async () => {
    const model = join(folder, 'model');
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), model, { recursive: true });
    writeByteTokenizer(model, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz.,:\n?' });
    const questions = join(folder, 'questions.jsonl');
    await writeFile(questions, '{"question":"what"}\n{"question":"who"}\n');
    const reward = join(folder, 'short.mjs');
    await writeFile(reward, 'export default async ({ answer }) => 1 - answer.length / 8;');
    const config: Config = {
      ...configured('texts', { reward, maxTokens: 5, temperature: 0.5, seed: 2 }),
      model,
      task: { kind: 'generate', prompt: '{question}', maxTokens: 8 },
      data: { train: questions, validation: questions },
    };
    const events = await run(config);
    expect(ofKind(events, 'step')).toHaveLength(3);
    expect(ofKind(events, 'evaluation')[0]).toMatchObject({ reward: expect.any(Number), count: 2 });
    await rejects(
      () => run({ ...config, objective: undefined, output: join(folder, 'none') }),
      'ERR_ZEST_DATA',
      /no whole row|"answer"/,
    );
  });
});

describe('what is wrong with an objective', () => {
  const fails = (objective: unknown, text: RegExp, code = 'ERR_ZEST_CONFIG') =>
    rejects(() => run({ ...configured('bad', objective as never), model: '/no/such/model' }), code, text);

  it('is said of keys that do not go together', async () => {
    await fails({ metric: 'acuracy' }, /objective.metric is 'acuracy'; expected one of accuracy, f1/);
    await fails({ metric: 'reward' }, /objective.metric is 'reward'/);
    await fails(
      { metric: 'accuracy', reward: 'x.mjs' },
      /objective.reward is 'x.mjs'; expected none beside objective.metric/,
    );
    await fails(
      { exampleTilt: 1, groupTilt: 1 },
      /objective.groupTilt is 1; expected none beside objective.exampleTilt/,
    );
    await fails({ onError: 'skip' }, /objective.onError is 'skip'; expected none without objective.reward/);
    await fails({ temperature: 1 }, /objective.temperature is 1; expected none without objective.reward/);
    await fails({ metric: 'f1', exampleTilt: 1 }, /objective.exampleTilt is 1; expected none with metric f1/);
    await fails({ groupTilt: 1 }, /objective.groupTilt is 1; expected none without data.group/);
    const { data, ...config } = configured('bad', undefined);
    await rejects(
      async () => resolveConfig({ ...config, data: { ...data, group: 'site' } }),
      'ERR_ZEST_CONFIG',
      /data.group is site; expected none without objective.groupTilt/,
    );
  });

  it('is said of a reward before the model is looked for', async () => {
    const file = async (name: string, code: string) => {
      await writeFile(join(folder, name), code);
      return { reward: join(folder, name) };
    };
    await fails({ reward: join(folder, 'scroe.mjs') }, /objective.reward: .*scroe\.mjs cannot be used: .*is not there/);
    await fails(await file('syntax.mjs', '\nexport default () => {{'), /syntax\.mjs cannot be used: /);
    await fails(
      await file('none.mjs', 'export const score = () => 1;'),
      /its default export is undefined; expected a function/,
    );
    await fails(await file('number.mjs', 'export default 3;'), /its default export is 3/);
    await fails(await file('throws.mjs', "throw new Error('at once');"), /throws\.mjs cannot be used: .*at once/);
    await fails(await file('import.mjs', "import 'no-such-package';"), /import\.mjs cannot be used: .*no-such-package/);
  });

  it('is said of a metric that the task does not have, and of a rate that cannot be found', async () => {
    const three = { template: '{sentence} it was {mask} .', labelWords: ['terrible', 'good', 'great'] };
    await rejects(
      () => run({ ...configured('bad', { metric: 'f1' }), task: three }),
      'ERR_ZEST_OPTION',
      /f1, which is of two labels/,
    );
    await rejects(
      () => findLearningRate(configured('bad', { metric: 'accuracy' })),
      'ERR_ZEST_LEARNING_RATE',
      /a loss above 0/,
    );
  });
});

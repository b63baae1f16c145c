import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type GenerationTask,
  loadTask,
  Model,
  metricObjective,
  rewardObjective,
  Tokenizer,
  zest,
} from '../../lib/index.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const folder = join(scratchFolder(), 'model');
let model: Model;
let task: GenerationTask;
beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
  writeByteTokenizer(folder, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz.,:\n?' });
  model = await Model.load(folder);
  task = await loadTask({ kind: 'generate', prompt: '{question}', maxTokens: 8 }, await Tokenizer.load(folder));
});

const examples = ['what is up', 'b', 'who'].map((question) => ({ question }));
const point = { stream: 1n, scale: 0.3 };

/** What the model writes at a point, by the engine's own call. */
const written = async (options: object): Promise<string[]> => {
  const prompts = examples.map((example) => task.prompt(example));
  const tokens = await model.generate(prompts, { ...task.generation(model), ...options });
  return tokens.map((ids) => task.decode(ids));
};

describe('a reward of texts', () => {
  it('is given what the model writes at each point, with the same prompts and decoding', async () => {
    const seen: string[] = [];
    const collect = ({ answer }: { answer: string }) => seen.push(answer);
    const decoding = { maxTokens: 6, temperature: 1.5, topK: 20, seed: 3 };
    await rewardObjective(model, task, collect, decoding).evaluate(examples, [[], point, []]);
    const here = await written(decoding);
    expect(seen).toEqual([...here, ...(await written({ ...decoding, at: point })), ...here]);
    expect(seen.slice(3, 6)).not.toEqual(here);
    const greedy: string[] = [];
    const absent = { maxTokens: undefined, temperature: undefined, onError: undefined };
    await rewardObjective(model, task, ({ answer }) => greedy.push(answer), absent).evaluate(examples, [[]], {
      microBatch: 2,
      atVersion: undefined,
    });
    expect(greedy).toEqual(await written({}));
  });

  it('is learnt', async () => {
    const mine = await Model.load(folder);
    const share = ({ answer }: { answer: string }) => (answer.match(/[a-m]/g)?.length ?? 0) / 8;
    const objective = rewardObjective(mine, task, share);
    const [before] = await objective.evaluate(examples, [[]]);
    const optimizer = zest({ learningRate: 0.1, rho: 0.1, directions: 8, sides: 'one', tilt: 0, normalize: 'sigma' });
    let best = before!;
    for (let step = 0; step < 10; step++) best = Math.min(best, (await optimizer.step(objective, examples)).meanLoss);
    expect(best).toBeLessThan(before! - 0.1);
  });

  it('may be a metric of texts', async () => {
    const answers = await written({});
    const known = examples.map((example, i) => ({ ...example, answer: i === 0 ? [answers[0], 'other'] : 'other' }));
    const objective = metricObjective(model, task, 'exactMatch');
    expect((await objective.evaluate(known, [[]]))[0]).toBeCloseTo(-1 / 3, 12);
    expect([...(await objective.sequenceLosses!(known, [[]]))[0]!]).toEqual([-1, 0, 0]);
    const own = metricObjective(model, task, (given, references) => {
      expect([given, references[0]]).toEqual([answers, [answers[0], 'other']]);
      return 3;
    });
    expect([...(await own.evaluate(known, [[]]))]).toEqual([-3]);
    await rejects(
      () => metricObjective(model, task, 'accuracy'),
      'ERR_ZEST_OPTION',
      /accuracy, which is of classes.*exactMatch/,
    );
    await rejects(() => metricObjective(model, task, { cost: [[0]] }), 'ERR_ZEST_OPTION', /cost, which is of classes/);
  });
});

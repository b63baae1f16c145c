import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ZestError } from '../../lib/errors.ts';
import { auto } from '../../lib/methods/auto.ts';
import { defineMethod } from '../../lib/methods/method.ts';
import { createOptimizer } from '../../lib/methods/optimizer.ts';
import { zest } from '../../lib/methods/zest.ts';
import { zosa } from '../../lib/methods/zosa.ts';
import { Model } from '../../lib/model/model.ts';
import { type Answer, type Reward, type RewardOptions, rewardObjective } from '../../lib/objectives/reward.ts';
import { exampleTilt } from '../../lib/objectives/tilt.ts';
import type { LoadedTask } from '../../lib/tasks/kinds.ts';
import { loadTask } from '../../lib/tasks/load.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';

const TEXTS = ['a charming film', 'a dull film', 'the cast is brilliant'];
const examples = TEXTS.map((sentence) => ({ sentence }));
const points = [[], { stream: 3n, scale: 0.1 }] as const;

let model: Model;
let task: LoadedTask;
beforeAll(async () => {
  model = await Model.load(film, { device: 'cpu' });
  task = await loadTask('sst2', await Tokenizer.load(film));
});
afterAll(() => model.dispose());

const rewarded = (reward: unknown, options?: RewardOptions) => rewardObjective(model, task, reward as Reward, options);

describe('rewardObjective', () => {
  it('is minus the mean reward of the answers at each point', async () => {
    const seen: [Answer, unknown][] = [];
    const objective = rewarded(async (answer: Answer, example: unknown) => {
      seen.push([answer, example]);
      await wait(1);
      return answer.probabilities.positive;
    });
    const losses = await objective.evaluate(examples, points);
    const mean = (answers: { probabilities: number[] }[]) =>
      -answers.reduce((sum, { probabilities: [, p] }) => sum + p!, 0) / 3;
    expect(losses[0]).toBeCloseTo(mean(await task.classify(model, TEXTS)), 12);
    expect(losses[1]).not.toBe(losses[0]);
    expect(seen).toHaveLength(6);
    expect(seen[0]![0]).toEqual({ label: 'positive', probabilities: expect.any(Object) });
    expect(seen[4]![1]).toMatchObject({ fields: { sentence: 'a dull film' }, source: 'example:1' });
    const each = await objective.sequenceLosses!(examples, points);
    expect(each.map((some) => some.length)).toEqual([3, 3]);
    const [tilted] = await exampleTilt(objective, 50).evaluate(examples, [[]]);
    expect(tilted).toBeCloseTo(Math.max(...each[0]!), 1);
  });

  it('learns', async () => {
    const mine = await Model.load(film, { device: 'cpu' });
    const objective = rewardObjective(mine, task, ({ probabilities }) => probabilities.negative);
    const [before] = await objective.evaluate(examples, [[]]);
    const optimizer = zest({ learningRate: 2e-3, directions: 8, normalize: 'sigma', sides: 'one', tilt: 0 });
    for (let step = 0; step < 10; step++) await optimizer.step(objective, examples);
    const [after] = await objective.evaluate(examples, [[]]);
    expect(after!).toBeLessThan(before! - 0.1);
    mine.dispose();
  });

  it('is learned by auto where examples are left out, be it half of a batch', async () => {
    const four = ['a charming film', 'a fine film', 'a dull film', 'the cast is brilliant'].map((sentence) => ({
      sentence,
    }));
    for (const left of [[0], [0, 1]]) {
      const mine = await Model.load(film, { device: 'cpu' });
      const failing = four.filter((_, i) => left.includes(i)).map(({ sentence }) => sentence);
      const reward: Reward = ({ probabilities }, { fields }) =>
        failing.includes(fields.sentence as string) ? Number.NaN : probabilities.negative;
      const objective = rewardObjective(mine, task, reward, { onError: 'skip' });
      const known = four.filter((_, i) => !left.includes(i));
      const expected = await rewardObjective(mine, task, reward).evaluate(known, [[]]);
      const { meanLoss } = await auto({ totalSteps: 5, lowestLoss: -1, rho: 1e-6 }).step(objective, four);
      // Of halves of one and of two examples the mean is another.
      if (left.length === 2) expect(meanLoss).toBeCloseTo(expected[0]!, 4);
      expect(mine.version).toBe(1n);
      mine.dispose();
    }
  });

  it('names example and point of a reward that fails', async () => {
    const own = new Error('mine');
    /** Fails for the second example at the second point. */
    const failing = (fail: () => unknown) => {
      let calls = 0;
      return rewarded(() => (calls++ === 4 ? fail() : 1)).evaluate(examples, points);
    };
    const fails = {
      throws: () => {
        throw own;
      },
      rejects: () => Promise.reject(own),
    };
    for (const fail of Object.values(fails)) {
      const error: ZestError = await failing(fail).catch((error) => error);
      expect(error).toMatchObject({
        code: 'ERR_ZEST_REWARD',
        message: 'the reward of example:1 at the point of stream 3, scale 0.1 threw: mine',
        cause: own,
      });
    }
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '1', undefined, null, 1n, [1]]) {
      await rejects(() => failing(() => value), 'ERR_ZEST_REWARD', /example:1 at .* is .*; expected a finite number/);
    }
    await rejects(
      () => rewarded(() => '1').evaluate(examples, [[]]),
      'ERR_ZEST_REWARD',
      /at the weights themselves is '1'/,
    );
  });

  it('leaves an example that fails out at all points of the call alike, once told', async () => {
    let calls = 0;
    const skipped: string[] = [];
    const objective = rewarded(() => (calls++ === 4 ? Number.NaN : calls), {
      onError: 'skip',
      onSkip: ({ message }) => skipped.push(message),
    });
    // Rewards 1 to 3 at the first point, 4, NaN, 6 at the second.
    expect([...(await objective.evaluate(examples, points))]).toEqual([-2, -5]);
    expect(skipped).toEqual([expect.stringMatching(/example:1 at the point of stream 3/)]);
    expect([...(await objective.evaluate(examples, [[]]))]).toEqual([-8]);
    expect(skipped).toHaveLength(1);
    const tilted = exampleTilt(
      rewarded((_: Answer, { fields }: { fields: { sentence: string } }) => (fields.sentence === TEXTS[1] ? '' : 2), {
        onError: 'skip',
      }),
      -1,
    );
    expect([...(await tilted.evaluate(examples, [[]]))]).toEqual([-2]);
    const none = rewarded(() => Number.NaN, { onError: 'skip' });
    await rejects(() => none.evaluate(examples, [[]]), 'ERR_ZEST_REWARD', /all 3 examples of the step failed/);
  });

  it('leaves it out of all rounds of a step, which begins anew where one fails late', async () => {
    let calls = 0;
    let skipped = 0;
    // Of nothing but the example, so that a point is as good as any other.
    const failing = (call: number) =>
      rewarded(
        (_: Answer, { fields }: { fields: { sentence: string } }) =>
          ++calls === call ? Number.NaN : TEXTS.indexOf(fields.sentence),
        { onError: 'skip', onSkip: () => skipped++ },
      );
    const stepOf = async (call: number, objective = failing(call)) => {
      [calls, skipped] = [0, 0];
      const { losses } = await zosa({ learningRate: 1e-4, directions: 2 }).step(objective, examples);
      return { losses: [...losses], calls, skipped };
    };
    // Three points of three examples each in the first round, three in the second.
    expect(await stepOf(-1)).toEqual({ losses: Array(6).fill(-1), calls: 18, skipped: 0 });
    expect(await stepOf(2)).toEqual({ losses: Array(6).fill(-1), calls: 18, skipped: 1 });
    expect(await stepOf(3)).toEqual({ losses: Array(6).fill(-0.5), calls: 18, skipped: 1 });
    // The last call of the second round: what the step has seen by then is done again.
    expect(await stepOf(18)).toEqual({ losses: Array(6).fill(-0.5), calls: 36, skipped: 1 });
    const tilted = await stepOf(18, exampleTilt(failing(18), 0));
    expect(tilted).toEqual({ losses: Array(6).fill(-0.5), calls: 36, skipped: 1 });
  });

  it('begins a step anew with the same batch of all data', async () => {
    let calls = 0;
    const twice = defineMethod({
      name: 'twice-all',
      title: 'A method that looks at all data twice',
      options: {},
      streams: () => 1,
      forwards: () => 2,
      diagnostics: {},
      *estimate(_, { streams: [stream = 0n] }) {
        yield { points: [[]], of: 'all' };
        const losses: Float64Array = yield { points: [{ stream, scale: 1e-3 }], of: 'all' };
        return { terms: [], meanLoss: losses[0]!, diagnostics: {} };
      },
    });
    const objective = rewarded(
      (_: Answer, { fields }: { fields: { sentence: string } }) =>
        ++calls > 3 && fields.sentence === TEXTS[2] ? Number.NaN : 1,
      { onError: 'skip' },
    );
    const { losses } = await createOptimizer(twice, { learningRate: 1e-4 }).step(objective, examples, {
      all: () => [...examples],
    });
    expect([...losses]).toEqual([-1, -1]);
    expect(calls).toBe(12);
  });

  it('takes a failed step again with all examples', async () => {
    let isUp = false;
    const objective = rewarded(() => (isUp ? 1 : Number.NaN), { onError: 'skip' });
    const optimizer = zest({ learningRate: 1e-4 });
    await rejects(() => optimizer.step(objective, examples), 'ERR_ZEST_REWARD', /all 3 examples of the step failed/);
    isUp = true;
    expect((await optimizer.step(objective, examples)).meanLoss).toBe(-1);
  });

  it('says whose weights are moved during its step', async () => {
    const objective = rewarded(async () => {
      await model.apply({ decay: 0, terms: [] });
      return 1;
    });
    await rejects(
      () => zest({ learningRate: 1e-4 }).step(objective, examples),
      'ERR_ZEST_VERSION',
      /asked for at version/,
    );
  });

  it('gives a reward nothing that it could spoil', async () => {
    const mine = [{ sentence: TEXTS[0]! }];
    const objective = rewarded((answer: Record<string, unknown>, example: { fields: Record<string, string> }) => {
      answer.label = 'spoilt';
      example.fields.sentence = 'spoilt';
      return 1;
    });
    await rejects(
      () => objective.evaluate(mine, [[]]),
      'ERR_ZEST_REWARD',
      /threw: Cannot assign to read only property/,
    );
    expect(mine).toEqual([{ sentence: TEXTS[0] }]);
    const seen: unknown[] = [];
    const careless = rewarded((answer: Record<string, unknown>) => {
      seen.push(answer.label);
      answer.label = 'spoilt';
      return 1;
    });
    await careless.evaluate(mine, [[], []]);
    expect(seen).toEqual(['positive', 'positive']);
  });

  it('listens to the signal once, however many examples there are', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    const many = Array.from({ length: 24 }, () => examples[0]!);
    await rewarded(async () => 1).evaluate(many, [[]], { signal: new AbortController().signal });
    await wait(10);
    process.off('warning', warn);
    expect(warnings).toEqual([]);
  });

  it('stops where a reward never settles', async () => {
    const { version } = model;
    const controller = new AbortController();
    let told: AbortSignal | undefined;
    const objective = rewarded((_: Answer, __: unknown, { signal }: { signal: AbortSignal }) => {
      told = signal;
      return new Promise(() => {});
    });
    const call = objective.evaluate(examples, [[]], { signal: controller.signal });
    while (told === undefined) await wait(5);
    controller.abort('enough');
    await expect(call).rejects.toBe('enough');
    expect(told.aborted).toBe(true);
    expect(model.version).toBe(version);
  });

  it('names what it cannot take', async () => {
    await rejects(() => rewarded('score'), 'ERR_ZEST_ARGUMENT', /reward is 'score'; expected a function/);
    await rejects(() => rewarded(() => 1, { onError: 'ignore' } as never), 'ERR_ZEST_OPTION', /onError is 'ignore'/);
    await rejects(() => rewarded(() => 1, { temprature: 1 } as never), 'ERR_ZEST_OPTION', /did you mean temperature/);
    await rejects(() => rewarded(() => 1, { maxTokens: 0 }), 'ERR_ZEST_OPTION', /maxTokens is 0/);
    await rejects(() => rewarded(() => 1).evaluate([], [[]]), 'ERR_ZEST_BATCH_EMPTY', /no examples/);
    await rejects(() => rewarded(() => 1).evaluate([{ text: 'a' }], [[]]), 'ERR_ZEST_DATA', /example:0.*"sentence"/);
  });
});

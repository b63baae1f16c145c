import { describe, expect, it } from 'vitest';
import * as zest from '../../lib/index.ts';
import type { Objective, Point, Update } from '../../lib/objective.ts';
import { rejects } from '../fixtures/rejects.ts';

// An objective of a caller's own that gives something else than what was asked for: weights are moved by what it says.

type Given = { [part in keyof Objective<string>]?: unknown };

/** An objective of two parameters with constant losses, and the updates that it was given. */
const own = (parts: Given = {}) => {
  const updates: Update[] = [];
  const objective = {
    dimension: 2,
    version: 0n,
    evaluate: async (_: string, points: readonly Point[]) => Float64Array.from(points, (_, i) => 1 + i / 10),
    apply: async (update: Update) => void updates.push(update),
    ...parts,
  } as Objective<string>;
  return { objective, updates };
};

const METHODS = {
  auto: zest.auto({ totalSteps: 5 }),
  zest: zest.zest({ learningRate: 0.1 }),
  mezo: zest.mezo({ learningRate: 0.1 }),
  fzoo: zest.fzoo({ learningRate: 0.1 }),
  svrg: zest.svrg({ learningRate: 0.1 }),
  zosa: zest.zosa({ learningRate: 0.1 }),
  essam: zest.essam({ learningRate: 0.1 }),
  sabo: zest.sabo({ learningRate: 0.1 }),
  es: zest.es({ learningRate: 0.1 }),
  conservative: zest.conservative({ learningRate: 0.1 }),
};

const refused = async (parts: Given, text: RegExp, optimizer = zest.mezo({ learningRate: 0.1 })) => {
  const { objective, updates } = own(parts);
  await rejects(() => optimizer.step(objective, 'b'), 'ERR_ZEST_ARGUMENT', text);
  expect(updates).toEqual([]);
};

describe('an objective of one’s own', () => {
  it.each(Object.entries(METHODS))('that gives another number of losses moves nothing by %s', async (_, optimizer) => {
    for (const more of [-1, 1, Number.NEGATIVE_INFINITY]) {
      const evaluate = async (_: string, { length }: Point[]) => new Float64Array(Math.max(0, length + more)).fill(1);
      await refused(
        { evaluate },
        /^evaluate of the objective gave a list of \d+; expected \d+ losses, one a po/,
        optimizer,
      );
    }
  });

  it('may give its losses in any list of numbers, and nothing else', async () => {
    for (const losses of [[1, 2], Float32Array.of(1, 2), Float64Array.of(1, 2)]) {
      const { meanLoss } = await zest.mezo({ learningRate: 0.1 }).step(own({ evaluate: () => losses }).objective, 'b');
      expect(meanLoss).toBe(1.5);
    }
    await refused({ evaluate: async () => undefined }, /^evaluate of the objective gave undefined; expected 2 losses/);
    await refused({ evaluate: async () => ({}) }, /^evaluate of the objective gave \{\}; expected 2 losses/);
    await refused({ evaluate: () => ['1', '2'] }, /^the loss at stream 0, scale 0.001 is '1'; expected a number$/);
    await refused({ evaluate: () => [1, 2n] }, /^the loss at stream 0, scale -0.001 is 2n; expected a number$/);
    await refused({ evaluate: () => BigInt64Array.of(1n, 2n) }, /is 1n; expected a number$/);
  });

  it('says what it is', async () => {
    await refused({ dimension: undefined }, /^dimension of the objective is undefined; expected a whole number ≥ 1$/);
    await refused({ dimension: '2' }, /^dimension of the objective is '2'; expected a whole number ≥ 1$/);
    await refused({ lowestLoss: '0' }, /^lowestLoss of the objective is '0'; expected a finite number$/);
    for (const call of ['gradient', 'sequenceLosses', 'combine', 'exclusively'])
      await refused({ [call]: 5 }, RegExp(`^${call} of the objective is 5; expected a function, or none$`));
  });

  it('gives the losses of sequences as a number each, as many at each point', async () => {
    const of = (sequenceLosses: unknown, text: RegExp, parts = {}) =>
      refused({ sequenceLosses, ...parts }, text, zest.auto({ totalSteps: 5, directions: 2 }));
    const each = (losses: unknown) => (_: string, points: Point[]) => points.map(() => losses);
    await of(async () => undefined, /^sequenceLosses of the objective gave undefined; expected 4 arrays, one a point$/);
    await of(async () => [[1, 2]], /^sequenceLosses of the objective gave \[ \[ 1, 2 ] ]; expected 4 arrays/);
    await of(each(5), /^sequenceLosses of the objective gave 5 at stream 0, scale 0.001; expected the loss of each/);
    await of(each(['1', '2']), /^the loss of sequence 0 at stream 0, scale 0.001 is '1'; expected a number$/);
    await of(
      (_: string, points: Point[]) => points.map((_, i) => Array(2 + i).fill(1)),
      /gave 3 losses at stream 1, scale 0.001; expected 2, as at the first point$/,
    );
    await of(each([1, 2]), /^combine of the objective gave '1'; expected a number$/, { combine: () => '1' });
    const { objective } = own({ sequenceLosses: async () => [1, 2] });
    await rejects(
      () => zest.exampleTilt(objective, 1).evaluate('b', [[], []]),
      'ERR_ZEST_ARGUMENT',
      /^sequenceLosses of the objective gave 1 at the unperturbed weights; expected the loss of each sequence$/,
    );
  });

  it('gives a finite gradient', async () => {
    const of = (gradient: () => unknown, text: RegExp) => refused({ gradient }, text, zest.sgd({ learningRate: 0.1 }));
    await of(() => [1], /^gradient of the objective gave a list of 1; expected 2 numbers, one a parameter$/);
    await of(() => undefined, /^gradient of the objective gave undefined; expected 2 numbers, one a parameter$/);
    await of(() => ['1', '2'], /^gradient\[0] of the objective is '1'; expected a number$/);
    await of(() => [1, Number.NaN], /^gradient\[1] of the objective is NaN; expected a finite number$/);
  });

  it('does the work that it is to do alone', async () => {
    await refused(
      { exclusively: async () => {} },
      /^exclusively of the objective settled before its work; expected it/,
    );
    await refused(
      { exclusively: async (work: (of: unknown) => unknown) => await work(undefined) },
      /^what exclusively of the objective gives its work is undefined; expected/,
    );
    const { objective, updates } = own();
    const exclusively = async (work: (of: unknown) => unknown) => void (await work(objective));
    const { meanLoss } = await zest.mezo({ learningRate: 0.1 }).step({ ...objective, exclusively } as never, 'b');
    expect([meanLoss, updates.length]).toEqual([1.05, 1]);
  });

  it('is measured by numbers alone', async () => {
    const { objective } = own({ evaluate: async () => ['1'] });
    await rejects(() => zest.neighbourhood(objective, 'b'), 'ERR_ZEST_ARGUMENT', /^the loss at the unpert.* is '1'/);
  });
});

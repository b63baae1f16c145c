import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { adamw } from '../../lib/methods/adamw.ts';
import { mezo } from '../../lib/methods/mezo.ts';
import { nspsa } from '../../lib/methods/nspsa.ts';
import type { Optimizer } from '../../lib/methods/optimizer.ts';
import { type SgdOptions, sgd } from '../../lib/methods/sgd.ts';
import { blackBox } from '../../lib/objectives/black-box.ts';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { rejects } from '../fixtures/rejects.ts';

const PYTORCH = JSON.parse(readFileSync(new URL('../fixtures/methods/pytorch.json', import.meta.url), 'utf8'));

const f = ([a = 0, b = 0, c = 0]: ArrayLike<number> & Iterable<number>) => a * a + 10 * b * b + Math.sin(c) + a * c;
const gradient = ([a = 0, b = 0, c = 0]: Float64Array) => [2 * a + c, 20 * b, Math.cos(c) + a];
const start = [1, -2, 0.5];
const problem = () => vectorObjective(f, start, { gradient });

const ADAM = { adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } };

describe('rules of updates', () => {
  // The numbers of an update are float32, PyTorch's are float64: 0.9 differs by 2e-8 of itself, a share of 1 − 0.999 by 1e-5.
  it.each([
    ['sgd', (): Optimizer => sgd({ learningRate: 0.01 }), 1e-7],
    ['momentum', (): Optimizer => sgd({ learningRate: 0.01, rule: { momentum: 0.9 } }), 1e-6],
    ['adam', (): Optimizer => sgd({ learningRate: 0.1, rule: ADAM }), 1e-6],
    ['adam', (): Optimizer => sgd({ learningRate: 0.1, rule: 'adam' }), 1e-6],
    ['momentum', (): Optimizer => sgd({ learningRate: 0.01, rule: 'momentum' }), 1e-6],
    [
      'adamw',
      (): Optimizer => adamw({ learningRate: 0.1, rule: { adam: { beta1: 0.75, beta2: 0.875, epsilon: 2 ** -20 } } }),
      1e-6,
    ],
  ])('%s goes where PyTorch goes', async (name, make, tolerance) => {
    const objective = problem();
    const optimizer = make();
    for (const expected of PYTORCH[name]) {
      await optimizer.step(objective);
      for (const [j, value] of objective.x.entries()) expect(Math.abs(value - expected[j])).toBeLessThan(tolerance);
    }
  });

  it('sign moves every number by the learning rate, and none whose G is 0', async () => {
    const objective = vectorObjective(([x = 0, y = 0]) => x * x - y, [3, 1, 5], {
      gradient: ([x = 0]) => [2 * x, -1, 0],
    });
    await sgd({ learningRate: 0.25, rule: 'sign', weightDecay: 0.5 }).step(objective);
    expect([...objective.x]).toEqual([3 - 0.25 - 0.125 * 3, 1 + 0.25 - 0.125, 5 - 0.125 * 5]);
  });

  it('an anchored decay pulls to the weights of the start', async () => {
    const flat = { gradient: () => [0, 0] };
    const objective = vectorObjective(() => 0, [3, -1], flat);
    const optimizer = sgd({ learningRate: 0.5, weightDecay: 0.5, decayTowards: 'start' });
    await optimizer.step(objective);
    expect([...objective.x]).toEqual([3, -1]);
    objective.x.set([7, -1]);
    await optimizer.step(objective);
    expect([...objective.x]).toEqual([6, -1]);
    expect([...(await objective.state('anchor'))]).toEqual([3, -1]);
  });

  const rules: SgdOptions['rule'][] = ['plain', 'sign', { momentum: 0.9 }, ADAM];
  it.each(rules.map((rule) => [JSON.stringify(rule), rule] as const))(
    'stopped and restored, %s goes on with the same bits',
    async (_, rule) => {
      const options = {
        learningRate: 1e-2,
        rule,
        weightDecay: 0.1,
        decayTowards: 'start',
        schedule: 'cosine',
        totalSteps: 9,
      } as const;
      const [whole, first] = [vectorObjective(f, start), vectorObjective(f, start)];
      const [all, before, after] = [nspsa(options), nspsa(options), nspsa(options)];
      for (let s = 0; s < 9; s++) await all.step(whole);
      for (let s = 0; s < 4; s++) await before.step(first);
      const second = vectorObjective(f, first.x);
      for (const name of first.stateNames) {
        await second.restoreState(name, 'x', JSON.parse(JSON.stringify([...(await first.state(name))])));
      }
      after.restore(JSON.parse(JSON.stringify(before.state())));
      for (let s = 4; s < 9; s++) await after.step(second);
      expect([...second.x]).toEqual([...whole.x]);
    },
  );

  it('of a log: updates with their rules, applied again, give the same bits', async () => {
    const objective = vectorObjective(f, start);
    const again = vectorObjective(f, start);
    const optimizer = mezo({ learningRate: 1e-2, rule: ADAM });
    for (let s = 0; s < 5; s++) {
      const { update } = await optimizer.step(objective);
      await again.apply(structuredClone(update));
    }
    expect([...again.x]).toEqual([...objective.x]);
  });
});

describe('what a rule is not', () => {
  const terms = [{ stream: 0n, coefficient: 1 }];

  it.each([
    [{ rule: { momentum: 1 } }, /rule.momentum is 1; expected a number < 1/],
    [{ rule: { momentum: 1 - 1e-8 } }, /rule.momentum is 0.99999999; expected a number that float32 tells from 1/],
    [{ rule: { adam: { beta2: 1 - 1e-8 } } }, /rule.adam.beta2 is 0.99999999; expected a number that float32 tells/],
    [{ rule: { adam: { epsilon: 1e-44 } } }, /rule.adam.epsilon is 1e-44; expected a number ≥ 1e-34/],
    [{ rule: { adam: { beta3: 1 } } }, /rule.adam.beta3 is not known/],
    [{ rule: 'adan' }, /rule is 'adan'; expected plain, sign, momentum, adam, \{momentum: β\} or \{adam/],
    [{ decayTowards: 'home' }, /decayTowards is 'home'; expected one of zero, start/],
  ])('%j', async (options, message) => {
    await rejects(() => mezo({ learningRate: 1, ...options } as never), 'ERR_ZEST_OPTION', message);
  });

  it.each([
    [{ name: 'adagrad', rate: 1 }, /update.rule.name is 'adagrad'; expected sign, momentum, adam, or no rule/],
    [{ name: 'sign' }, /update.rule.rate is undefined/],
    [{ name: 'momentum', rate: 1, beta: 1 }, /update.rule.beta is 1; expected a number ≥ 0 and < 1/],
    [{ name: 'adam', rate: 1, beta1: 0.9, beta2: 0.9, epsilon: 0 }, /update.rule.epsilon is 0; expected a number > 0/],
    [7, /update.rule.name is undefined/],
  ])('an update by %j', async (rule, message) => {
    const objective = vectorObjective(f, start);
    await rejects(() => objective.apply({ decay: 0, terms, rule } as never), 'ERR_ZEST_UPDATE', message);
    expect([...objective.x]).toEqual(start);
  });

  it('state of another name, size, parameter or optimizer', async () => {
    const objective = vectorObjective(f, start);
    await rejects(() => objective.state('momentum'), 'ERR_ZEST_PARAMETER', /no update has made a state momentum/);
    await rejects(() => objective.state('m' as never), 'ERR_ZEST_PARAMETER', /no state 'm'; expected one of momentum/);
    await rejects(() => objective.state('momentum', 'y'), 'ERR_ZEST_PARAMETER', /no parameter 'y'/);
    const restored = (values: unknown) => objective.restoreState('momentum', 'x', values as never);
    await rejects(() => restored([1, 2]), 'ERR_ZEST_ARGUMENT', /values has 2 numbers; expected 3/);
    await rejects(() => restored([1, 2, Number.NaN]), 'ERR_ZEST_ARGUMENT', /values\[2\] is NaN/);
    const momentum = mezo({ learningRate: 1, rule: { momentum: 0.9 } });
    await rejects(
      () => momentum.restore(mezo({ learningRate: 1 }).state()),
      'ERR_ZEST_OPTION',
      /rule of the state is undefined; expected \{"momentum":0.9\}/,
    );
    await rejects(
      () => mezo({ learningRate: 1 }).restore(momentum.state()),
      'ERR_ZEST_OPTION',
      /rule of the state is \{"momentum":0.9\}; expected "plain"/,
    );
  });
});

describe('a black box', () => {
  it('refuses rules and kept factors, and does not pass over them', async () => {
    const box = blackBox({
      parameters: { slope: [1, 2] },
      evaluate: ({ slope }: { slope: Float32Array }) => slope[0]! ** 2 + slope[1]! ** 2,
    } as never);
    const message = /update.rule is momentum; expected none: this objective has no more yet/;
    await rejects(
      () => mezo({ learningRate: 1, rule: 'momentum' }).step(box as never),
      'ERR_ZEST_UNSUPPORTED',
      message,
    );
    const anchored = mezo({ learningRate: 1, weightDecay: 0.1, decayTowards: 'start' });
    await rejects(
      () => anchored.step(box as never),
      'ERR_ZEST_UNSUPPORTED',
      /decay of the update is towards the start/,
    );
    const kept = mezo({ learningRate: 1, law: { lowRank: 1, keep: 2 } });
    await rejects(() => kept.step(box as never), 'ERR_ZEST_UNSUPPORTED', /law keeps factors/);
    expect(box.version).toBe(0n);
  });
});

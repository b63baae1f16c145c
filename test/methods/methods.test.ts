import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import * as zest from '../../lib/index.ts';
import { rejects } from '../fixtures/rejects.ts';

// Every method as a program meets it, over functions of a vector.

type Make = (options: {
  learningRate: number;
  rho?: number;
  seed?: number;
  [option: string]: unknown;
}) => zest.Optimizer;

/** Method, options under which it comes to the bottom of a bowl, and forwards of a step. */
const METHODS: [name: string, make: Make, options: Record<string, unknown>, forwards: number][] = [
  ['zest', zest.zest as Make, { learningRate: 0.05, rho: 0.01 }, 10],
  ['mezo', zest.mezo as Make, { learningRate: 0.05, rho: 0.01 }, 2],
  ['nspsa', zest.nspsa as Make, { learningRate: 0.05, rho: 0.01 }, 10],
  ['fzoo', zest.fzoo as Make, { learningRate: 0.1, rho: 0.01 }, 9],
  ['zosa', zest.zosa as Make, { learningRate: 0.1, rho: 0.01, radius: 0.01 }, 18],
  ['essam', zest.essam as Make, { learningRate: 0.1, rho: 0.01, radius: 0.01, directions: 8 }, 16],
  ['es', zest.es as Make, { learningRate: 0.3, rho: 0.01, directions: 8 }, 8],
  ['svrg', zest.svrg as Make, { learningRate: 0.05, rho: 0.01, interval: 1, anchorDirections: 2 }, 4],
  ['hizoo', zest.hizoo as Make, { learningRate: 0.05, rho: 0.01, alpha: 1e-3 }, 3],
  ['sabo', zest.sabo as Make, { learningRate: 0.05, rho: 0.05 }, 18],
  ['conservative', zest.conservative as Make, { learningRate: 0.05, rho: 0.01 }, 5],
  ['sgd', zest.sgd as Make, { learningRate: 0.05 }, 1],
  ['adamw', zest.adamw as Make, { learningRate: 0.1, weightDecay: 0 }, 1],
  ['sam', zest.sam as Make, { learningRate: 0.05, radius: 0.01 }, 2],
  ['tsam', zest.tsam as Make, { learningRate: 0.05, radius: 0.01 }, 3],
  ['adazo-sam', zest.adazoSam as Make, { learningRate: 0.1, radius: 0.01 }, 2],
];

const bowl = (law: zest.Law = 'gaussian') =>
  vectorBowl({ directions: { law }, gradient: (x) => x.map((value, i) => 2 * (1 + i) * (value - i)) });
const vectorBowl = (options: zest.VectorObjectiveOptions) =>
  zest.vectorObjective((x) => x.reduce((sum, value, i) => sum + (1 + i) * (value - i) ** 2, 1), [2, 2, 2], options);

it.each<[string, Make]>([
  ['zest', zest.zest],
  ['nspsa', zest.nspsa],
  ['fzoo', zest.fzoo],
])('%s takes more directions than a call has arguments', async (_, make) => {
  const objective = zest.vectorObjective(([x = 0]) => (x - 1) ** 2, [0]);
  const { losses, diagnostics } = await make({ learningRate: 1e-9, rho: 0.01, directions: 130_000 }).step(objective);
  expect(losses.length).toBeGreaterThanOrEqual(130_000);
  expect(diagnostics.gradientNorm).toBeGreaterThan(0);
});

describe.each(METHODS)('%s', (name, make, options, forwards) => {
  const long = { schedule: 'linear', totalSteps: 150, ...options } as never;

  it('comes to the bottom of a bowl, in the forwards that it says', async () => {
    const objective = bowl();
    let evaluated = 0;
    const { evaluate } = objective;
    objective.evaluate = (batch, points, call) => {
      evaluated += points.length;
      return evaluate(batch, points, call);
    };
    const optimizer = make(long);
    expect(optimizer).toMatchObject({ method: name, forwards });
    for (let step = 0; step < 150; step++) await optimizer.step(objective);
    expect(evaluated).toBe(150 * forwards);
    for (const [i, value] of objective.x.entries()) expect(Math.abs(value - i)).toBeLessThan(0.1);
  });

  it('stopped and restored, goes on with the same bits; a failed step changes nothing', async () => {
    const [whole, parts] = [bowl(), bowl()];
    const [all, before, after] = [make(long), make(long), make(long)];
    for (let step = 0; step < 6; step++) await all.step(whole);
    for (let step = 0; step < 3; step++) await before.step(parts);
    const stopped = AbortSignal.abort();
    const state = JSON.stringify(before.state());
    await expect(before.step(parts, undefined, { signal: stopped })).rejects.toBe(stopped.reason);
    expect(JSON.stringify(before.state())).toBe(state);
    for (const kept of parts.stateNames) await parts.restoreState(kept, 'x', [...(await parts.state(kept))]);
    after.restore(JSON.parse(state));
    for (let step = 3; step < 6; step++) await after.step(parts);
    expect([...parts.x]).toEqual([...whole.x]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('no');
      },
      'no',
    ],
    [
      'rejects',
      async () => {
        throw new RangeError('not now');
      },
      'not now',
    ],
    ['returns NaN', () => Number.NaN, /the loss at .* is NaN; x is unchanged/],
    ['returns a string', () => '7', /f returned '7'; expected a number/],
    ['returns nothing', () => undefined, /f returned undefined; expected a number/],
  ])('a function that %s ends the step, and moves nothing', async (_, f, message) => {
    const objective = zest.vectorObjective(f as never, [1, 2, 3], { gradient: (x) => x });
    await expect(make(long).step(objective)).rejects.toThrow(message);
    expect([...objective.x]).toEqual([1, 2, 3]);
    expect(objective.version).toBe(0n);
  });

  it('a function that changes its argument does not change the weights', async () => {
    const [plain, spoilt] = [bowl(), bowl()];
    const loss = (x: Float64Array) => x.reduce((sum, value, i) => sum + (1 + i) * (value - i) ** 2, 1);
    const spoiling = zest.vectorObjective(
      (x) => {
        const value = loss(x);
        x.fill(9);
        return value;
      },
      [...spoilt.x],
      {
        gradient: (x) => {
          const g = x.map((value, i) => 2 * (1 + i) * (value - i));
          x.fill(9);
          return g;
        },
      },
    );
    await make(long).step(plain);
    await make(long).step(spoiling);
    expect([...spoiling.x]).toEqual([...plain.x]);
  });

  it('a function that never settles is left by an abort, and the objective goes on', async () => {
    let stuck = true;
    const never = new Promise<never>(() => {});
    const objective = zest.vectorObjective((x) => (stuck ? never : x[0]!), [1, 2, 3], {
      gradient: () => (stuck ? never : [1, 0, 0]),
    });
    const abort = new AbortController();
    const step = make(long).step(objective, undefined, { signal: abort.signal });
    await wait(5);
    abort.abort(new Error('enough'));
    await expect(step).rejects.toThrow('enough');
    stuck = false;
    expect([...(await objective.evaluate(undefined, [[]]))]).toEqual([1]);
  });
});

describe('a method that is asked for what it cannot do says so', () => {
  const objective = () => zest.vectorObjective(([x = 0]) => x * x, [1]);

  it.each([
    ['sgd', zest.sgd],
    ['adamw', zest.adamw],
    ['sam', zest.sam],
    ['tsam', zest.tsam],
    ['adazo-sam', zest.adazoSam],
  ] as const)('a gradient of a black box: %s', async (name, make) => {
    const box = objective();
    const message = new RegExp(
      `^method ${name} needs a gradient, and the objective has none; expected an objective with`,
    );
    await rejects(() => (make as Make)({ learningRate: 1 }).step(box), 'ERR_ZEST_UNSUPPORTED', message);
    expect([...box.x]).toEqual([1]);
  });

  const one = { learningRate: 1, directions: 1 };
  it.each([
    ['FZOO of one', () => zest.fzoo(one), /directions is 1; expected at least 2: fzoo divides by the spread/],
    ['ZOSA of one', () => zest.zosa(one), /directions is 1; expected at least 2: zosa divides by the spread/],
    ['SABO of one', () => zest.sabo(one), /directions is 1; expected at least 2: sabo weighs/],
    [
      'ranks of two losses',
      () => zest.es({ ...one, directions: 2 }),
      /directions is 2; expected at least 3 .* the centredRanks of two/,
    ],
    ['ranks of a pair', () => zest.es({ ...one, sides: 'two' }), /directions is 1; expected at least 2 with sides two/],
    ['z-scores of two', () => zest.essam({ ...one, directions: 2 }), /directions is 2; expected at least 3/],
    [
      'z-scores of two in the ascent',
      () => zest.essam({ learningRate: 1, ascentDirections: 2 }),
      /ascentDirections is 2/,
    ],
  ])('%s', async (_, make, message) => {
    await rejects(make, 'ERR_ZEST_DIRECTIONS', message);
  });

  it.each([
    [
      'conservative by momentum',
      () => zest.conservative({ learningRate: 1, rule: { momentum: 0.9 } }),
      /rule is .*; expected plain: conservative tries/,
    ],
    [
      'conservative with a decay',
      () => zest.conservative({ learningRate: 1, weightDecay: 0.1 }),
      /weightDecay is 0.1; expected 0: conservative compares its steps without a decay/,
    ],
    ['auto by Adam', () => zest.auto({ rule: 'adam' }), /rule is 'adam'; expected plain: auto measures how long/],
    ['auto backwards', () => zest.auto({ learningRate: -1 }), /learningRate is -1; expected a number > 0/],
    ['AdamW by sign', () => zest.adamw({ learningRate: 1, rule: 'sign' }), /rule is 'sign'; expected adam or \{adam/],
    ['a radius of 0', () => zest.sam({ learningRate: 1, radius: 0 }), /radius is 0; expected a number > 0/],
    [
      'an unknown shaping',
      () => zest.es({ learningRate: 1, shaping: 'ranks' as never }),
      /shaping is 'ranks'; expected one of centredRanks, zScores/,
    ],
  ])('%s', async (_, make, message) => {
    await rejects(make, 'ERR_ZEST_OPTION', message);
  });

  it('low rank on a vector', async () => {
    const message =
      /law is \{ lowRank: 2.* \}; expected gaussian, sphere or rademacher: a vector has no directions of low rank/;
    const optimizer = zest.lozo({ learningRate: 1 });
    await rejects(() => optimizer.step(objective()), 'ERR_ZEST_DIRECTIONS', message);
    const directions = { law: { lowRank: 2 } };
    await rejects(() => zest.vectorObjective(() => 0, [1], { directions }), 'ERR_ZEST_DIRECTIONS', message);
  });

  it('state of another method, or of another shape', async () => {
    const sabo = zest.sabo({ learningRate: 1 });
    const state = sabo.state();
    await rejects(
      () => sabo.restore(zest.zosa({ learningRate: 1 }).state()),
      'ERR_ZEST_OPTION',
      /method of the state is "zosa"; expected "sabo"/,
    );
    await rejects(
      () => sabo.restore({ ...state, scale: '1e-3' }),
      'ERR_ZEST_OPTION',
      /scale of the state is '1e-3'; expected what state\(\) of sabo gives, of kind number/,
    );
    const { scale: _, ...rest } = state;
    await rejects(() => sabo.restore(rest as never), 'ERR_ZEST_OPTION', /scale of the state is undefined/);
    await rejects(() => sabo.restore({ ...state, scale: -1 }), 'ERR_ZEST_OPTION', /state.scale is -1; expected .* > 0/);
    await rejects(
      () => sabo.restore({ ...state, scales: [1] }),
      'ERR_ZEST_OPTION',
      /scales of the state is not known; expected what state\(\) of sabo gives: scale/,
    );
    expect(sabo.state()).toEqual(state);
  });

  it('state of an objective of another size', async () => {
    const [learningRate, rule] = [0.1, 'adam'] as const;
    const [taken, other] = [objective(), zest.vectorObjective((x) => x[0]! ** 2, [1, 2])];
    const optimizer = zest.nspsa({ learningRate, rule });
    expect(optimizer.state()).not.toHaveProperty('dimension');
    await optimizer.step(taken);
    const state = optimizer.state();
    expect(state).toMatchObject({ dimension: 1 });
    const goOn = (of: typeof taken, from = state) => {
      const restored = zest.nspsa({ learningRate, rule });
      restored.restore(JSON.parse(JSON.stringify(from)));
      expect(restored.state()).toEqual(from);
      return restored.step(of);
    };
    await rejects(
      () => goOn(other),
      'ERR_ZEST_OPTION',
      /of an objective with 1 trainable parameters, and this one has 2; expected the same/,
    );
    await goOn(taken);
    // One that was saved before it told of its objective.
    const { dimension: _, ...old } = state;
    await goOn(other, old as typeof state);
    await rejects(
      () => taken.restoreState('secondMoment', 'x', [-1]),
      'ERR_ZEST_ARGUMENT',
      /values\[0\] is -1; expected a number ≥ 0, as each secondMoment is/,
    );
  });

  it.each([
    ['a gradient of another length', () => [1, 2], /the gradient has 2 values; expected 1/],
    ['a gradient that is not finite', () => [Number.NaN], /the gradient\[0\] is NaN; expected a finite number/],
    ['a gradient that is a number', () => 3, /the gradient is 3; expected an array of numbers/],
    [
      'a gradient that throws',
      () => {
        throw new TypeError('no gradient today');
      },
      /no gradient today/,
    ],
  ])('%s', async (_, gradient, message) => {
    const box = zest.vectorObjective(([x = 0]) => x * x, [1], { gradient: gradient as never });
    await expect(zest.sgd({ learningRate: 1 }).step(box)).rejects.toThrow(message);
    expect([...box.x]).toEqual([1]);
  });

  it('a gradient that is no function, and vectors where there is none', async () => {
    await rejects(
      () => zest.vectorObjective(() => 0, [1], { gradient: 7 as never }),
      'ERR_ZEST_ARGUMENT',
      /gradient is 7; expected a function/,
    );
    const vector = Float64Array.of(1);
    await rejects(() => objective().evaluate(undefined, [{ vector, scale: 1 }]), 'ERR_ZEST_POINT', /is along a vector/);
    await rejects(() => objective().apply({ decay: 0, terms: [], vector }), 'ERR_ZEST_UPDATE', /update has a vector/);
    const smooth = zest.vectorObjective(() => 0, [1], { gradient: (x) => x });
    const long = Float64Array.of(1, 2);
    await rejects(
      () => smooth.evaluate(undefined, [{ vector: long, scale: 1 }]),
      'ERR_ZEST_POINT',
      /vector has 2 values; expected 1/,
    );
    await rejects(
      () => smooth.apply({ decay: 0, terms: [], vector: long }),
      'ERR_ZEST_UPDATE',
      /vector has 2 values; expected 1/,
    );
  });
});

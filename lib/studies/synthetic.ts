import type { Optimizer } from '../methods/optimizer.ts';
import {
  auto,
  conservative,
  es,
  essam,
  fzoo,
  hizoo,
  mezo,
  nspsa,
  sabo,
  svrg,
  zest,
  zosa,
} from '../methods/registry.ts';
import { mean } from '../numbers/statistics.ts';
import { vectorObjective } from '../objectives/vector.ts';
import { normals } from './directions.ts';
import { brief } from './figures.ts';
import type { Study } from './study.ts';

// The functions of the literature on black-box optimisation that SABO and ZOSA test on. Their equations were not to be
// had in those papers' words: these are the standard forms, scaled to be about 1 at the start in every dimension.

type Loss = (x: ArrayLike<number>) => number;

const sumOf = (x: ArrayLike<number>, of: (value: number, share: number) => number): number => {
  let sum = 0;
  const last = Math.max(1, x.length - 1);
  for (let i = 0; i < x.length; i++) sum += of(x[i]!, i / last);
  return sum / x.length;
};

/** Means over coordinates, 0 at x = 0 alone. */
export const FUNCTIONS: Readonly<Record<string, Loss>> = {
  ellipsoid: (x) => sumOf(x, (value, share) => 100 ** (share - 0.5) * value ** 2),
  'ℓ½-ellipsoid': (x) => sumOf(x, (value, share) => 100 ** ((share - 0.5) / 2) * Math.sqrt(Math.abs(value))),
  'different powers': (x) => sumOf(x, (value, share) => Math.abs(value) ** (2 + 4 * share)),
  ackley: (x) =>
    20 -
    20 * Math.exp(-0.2 * Math.sqrt(sumOf(x, (value) => value ** 2))) +
    Math.E -
    Math.exp(sumOf(x, (value) => Math.cos(2 * Math.PI * value))),
};

interface Settings {
  learningRate: number;
  seed: number;
  rho: number;
  totalSteps: number;
  schedule: 'linear';
}

const METHODS: Readonly<Record<string, (settings: Settings) => Optimizer>> = {
  auto,
  mezo,
  'n-spsa': (settings) => nspsa({ ...settings, directions: 8 }),
  'zest, τ = 1': (settings) => zest({ ...settings, directions: 8, tilt: { tau: 1 } }),
  'zest, one-sided': (settings) => zest({ ...settings, directions: 16, tilt: 0, sides: 'one' }),
  fzoo: (settings) => fzoo({ ...settings, directions: 16 }),
  es: (settings) => es({ ...settings, directions: 16 }),
  zosa: (settings) => zosa({ ...settings, radius: settings.rho }),
  essam: (settings) => essam({ ...settings, radius: settings.rho }),
  sabo,
  conservative,
  svrg: (settings) => svrg(settings),
  hizoo,
};

/** Forwards that a step takes. The rate does not matter to it. */
const forwardsOf = (name: string): number =>
  METHODS[name]!({ learningRate: 1, seed: 0, rho: RHO, totalSteps: 1, schedule: 'linear' }).forwards;

const RHO = 1e-3;
const CHOOSING_SEED = 1_000_003;
/** Rates that are tried, of what a method's step is to be: powers of ten, and then 0.3 and 3 times the best. */
const EXPONENTS = [-3, -2, -1, 0, 1, 2];
/** What becomes of a rate that is too large: losses, weights or steps beyond float64. */
const DIVERGED = new Set([
  'ERR_ZEST_LOSS_NOT_FINITE',
  'ERR_ZEST_LOSSES',
  'ERR_ZEST_TILT',
  'ERR_ZEST_UPDATE',
  'ERR_ZEST_POINT',
]);

/** The loss at the end over that at the start; infinite where the run failed. */
const run = async (
  loss: Loss,
  start: Float32Array,
  name: string,
  learningRate: number,
  seed: number,
  evaluations: number,
): Promise<number> => {
  const totalSteps = Math.max(1, Math.floor(evaluations / forwardsOf(name)));
  const before = loss(start);
  const objective = vectorObjective(loss, start);
  const optimizer = METHODS[name]!({ learningRate, seed, rho: RHO, totalSteps, schedule: 'linear' });
  try {
    for (let step = 0; step < totalSteps; step++) {
      const { meanLoss } = await optimizer.step(objective);
      // What has grown so far does not come back, and need not be paid for.
      if (meanLoss > 100 * before) return Number.POSITIVE_INFINITY;
    }
  } catch (error) {
    if (!DIVERGED.has((error as { code: string }).code)) throw error;
    return Number.POSITIVE_INFINITY;
  }
  const left = loss(objective.x) / before;
  return Number.isFinite(left) ? left : Number.POSITIVE_INFINITY;
};

export const synthetic: Study = {
  title: 'Test functions',
  question: 'Which methods get furthest on standard functions of many variables, with equal evaluations?',
  async run({ seed, quick, turn }) {
    const dimensions = quick ? [100] : [100, 1000, 10_000];
    const names = quick ? ['mezo', 'n-spsa', 'fzoo', 'auto'] : Object.keys(METHODS);
    const functions = Object.entries(FUNCTIONS).slice(0, quick ? 2 : undefined);
    const seeds = Array.from({ length: quick ? 2 : 5 }, (_, i) => 100 * seed + i);
    const evaluations = quick ? 400 : 1000;
    const total = dimensions.length * functions.length * names.length;
    const cells: { dimension: number; function: string; method: string; learningRate: number; left: number[] }[] = [];
    for (const dimension of dimensions) {
      const start = (of: number) => normals(of, 2 ** 45, dimension);
      for (const [title, loss] of functions) {
        for (const method of names) {
          const chosen = await chooseRate(
            async (rate) => run(loss, start(CHOOSING_SEED), method, rate, CHOOSING_SEED, evaluations),
            method === 'auto' ? [0] : EXPONENTS,
          );
          const left: number[] = [];
          for (const one of seeds) left.push(await run(loss, start(one), method, chosen, one, evaluations));
          cells.push({ dimension, function: title, method, learningRate: chosen, left });
          await turn(cells.length, total);
        }
      }
    }
    const leftOf = (dimension: number, title: string, method: string): number => {
      const { left } = cells.find(
        (one) => one.dimension === dimension && one.function === title && one.method === method,
      )!;
      return left.every(Number.isFinite) ? mean(left) : Number.POSITIVE_INFINITY;
    };
    const settings = dimensions.flatMap((dimension) => functions.map(([title]) => ({ dimension, title })));
    const ranks = names.map((method) => ({
      method,
      rank: mean(
        settings.map(({ dimension, title }) => {
          const own = leftOf(dimension, title, method);
          return 1 + names.filter((other) => leftOf(dimension, title, other) < own).length;
        }),
      ),
    }));
    const order = [...ranks].sort((a, b) => a.rank - b.rank);
    return {
      settings: {
        dimensions,
        evaluations,
        seeds,
        choosingSeed: CHOOSING_SEED,
        rates: EXPONENTS.map((power) => 10 ** power),
        rho: RHO,
        schedule: 'linear',
        start: 'N(0, I)',
      },
      findings: [
        `Mean rank over ${settings.length} settings, 1 the best: ${order.map(({ method, rank }) => `${method} ${brief(rank)}`).join('; ')}.`,
        `The rates of all but auto are the best of ${EXPONENTS.length} powers of ten, and of 0.3 and 3 times the best of these, by a seed of its own; auto gets none, and no evaluations for a choice.`,
      ],
      tables: [
        ...dimensions.map((dimension) => ({
          caption: `Loss at the end over that at the start, d = ${dimension.toLocaleString('en-US')}, ${evaluations} evaluations, mean of ${seeds.length} seeds`,
          columns: ['method', ...functions.map(([title]) => title)],
          rows: names.map((method) => [method, ...functions.map(([title]) => leftOf(dimension, title, method))]),
        })),
        ...dimensions.map((dimension) => ({
          caption: `Learning rates that were chosen, d = ${dimension.toLocaleString('en-US')}`,
          columns: ['method', ...functions.map(([title]) => title)],
          rows: names.map((method) => [
            method,
            ...functions.map(
              ([title]) =>
                cells.find((one) => one.dimension === dimension && one.function === title && one.method === method)!
                  .learningRate,
            ),
          ]),
        })),
      ],
      charts: functions.map(([title], i) => ({
        id: `function-${i}`,
        title,
        words: 'Loss at the end over that at the start, against the number of variables.',
        x: { label: 'variables', log: true },
        y: { label: 'loss that is left', log: true },
        lines: names.map((method) => ({
          name: method,
          x: dimensions,
          y: dimensions.map((dimension) => leftOf(dimension, title, method)),
        })),
      })),
    };
  },
};

/** The rate of least loss: of powers of ten, and then of 0.3 and 3 times the best. */
const chooseRate = async (leftAt: (rate: number) => Promise<number>, exponents: readonly number[]): Promise<number> => {
  let best = { rate: 10 ** exponents[0]!, left: Number.POSITIVE_INFINITY };
  const look = async (rate: number): Promise<void> => {
    const left = await leftAt(rate);
    if (left < best.left) best = { rate, left };
  };
  if (exponents.length === 1) return best.rate;
  for (const exponent of exponents) await look(10 ** exponent);
  const { rate } = best;
  for (const factor of [0.3, 3]) await look(factor * rate);
  return best.rate;
};

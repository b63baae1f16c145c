import { z } from 'zod';
import { rangeError } from '../errors.ts';
import { mean } from '../numbers/statistics.ts';
import { dot } from '../numbers/vectors.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, positive, probe } from './options.ts';
import { commonDiagnostics, lengthOf } from './shaping.ts';

/** What the noise of the directions may cost over a run: so much of the loss, and so many times what was gained. */
const SHARE_OF_LOSS = 0.05;
const TIMES_THE_GAIN = 4;
/** The most that it may cost, in losses. */
const MOST_COST = 2;
/** Steps from one pair, which measures the curvature in two forwards more, to the next. */
const PAIR_EVERY = 4;
/** Steps over which the loss is measured that gains are held against. */
const START_STEPS = 10;
/** Share of its sum that the mean of the loss keeps at a step: it is over some twenty steps. */
const LOSS_KEPT = 0.95;
/** Share of their sums that the means of the curvature keep at a pair: they are over some fifty, since one says little. */
const CURVATURE_KEPT = 0.98;
/** How far a step may move each weight, in ρ, where the loss has next to no curvature. */
const MOST_MOVE = 100;

/** What losses at their least may lie below it, as a share of it: those that were computed in float32 do. */
const ROUNDING = 1e-6;
/** Difference of losses, as a share of them, below which they are the same but for how they were added up. */
const SAME = 1e-14;

/** Mean of the square of the schedule's factor over a run. */
const MEAN_SQUARE = { linear: 1 / 3, cosine: 3 / 8 };

const shape = {
  directions: directions(16, 'directions that a step draws, k ≥ 2; one forward each, and two more every fourth step'),
  ...probe({ rho: 1e-3, law: 'gaussian' }),
  learningRate: positive().default(1).describe('factor of the measured learning rate'),
  schedule: z
    .enum(['linear', 'cosine'])
    .default('linear')
    .describe('how the learning rate falls from its value to 0 over the run'),
  lowestLoss: z
    .number()
    .optional()
    .describe(
      'the least that the loss can be; steps are as long as what lies above it allows; default: what the objective says, and 0, as of a cross-entropy, where it does not',
    ),
};

/** Options of {@link auto}; docs/configuration.md says what each is. */
export interface AutoOptions extends MethodInput<typeof shape> {}

/** Sums over the steps so far, in which each step, or pair, weighs a share of the next one. */
type State = {
  steps: number;
  /** Of f̄, the mean of a step's losses. */
  loss: number;
  /** Of the squares of what f̄ differs from the mean of the steps before by. */
  squaredChange: number;
  /** Steps since the trace has been above its standard error. */
  convex: number;
  /** Mean of f̄ after the first of them. */
  start: number;
  /** The most that the mean has been below that, but for its standard error. */
  gain: number;
  /** Of (f(θ + ρv) + f(θ − ρv) − 2f(θ))/ρ², whose mean is tr H. */
  curvature: number;
  /** Of its square. */
  squaredCurvature: number;
  /** Of pairs that saw a flat loss, as that of a metric is until an answer turns. */
  flat: number;
  /** Of Σ DᵢᴬDᵢᴮ, the product of what the halves of a batch say; every step weighs the same. */
  agreement: number;
  /** Of Σ ((Dᵢᴬ + Dᵢᴮ)/2)². */
  power: number;
};

const centred = (losses: readonly number[]): number[] => {
  const centre = mean(losses);
  return losses.map((loss) => loss - centre);
};

const areSame = (losses: readonly number[]): boolean => {
  const first = losses[0]!;
  return losses.every((loss) => Math.abs(loss - first) <= SAME * Math.abs(first));
};

const hasTwice = (losses: readonly number[]): boolean => {
  const inOrder = losses.toSorted((a, b) => a - b);
  return inOrder.some((loss, i) => i > 0 && areSame([inOrder[i - 1]!, loss]));
};

/** Whether a pair saw none of the loss on one side, or as much on both of one that takes few values. */
const isFlat = ([behind, centre, ahead]: [number, number, number], losses: readonly number[]): boolean =>
  areSame([ahead, centre]) || areSame([behind, centre]) || (areSame([ahead + behind, 2 * centre]) && hasTwice(losses));

/** Of the difference of the means at the start and of late, in deviations of one loss. */
const MEANS_ERROR = Math.sqrt(1 / START_STEPS + (1 - LOSS_KEPT));

/** What all steps weigh in a sum that keeps a share of itself at each. */
const weightOf = (kept: number, steps: number): number => (1 - kept ** steps) / (1 - kept);

/** One-sided directions at a measured learning rate. */
export const autoMethod = defineMethod({
  name: 'auto',
  title: 'auto',
  options: shape,
  conflicts: ({ directions, rule }) => [
    ...(directions >= 2 ? [] : [{ option: 'directions', expected: 'at least 2: a loss is held against the others' }]),
    ...(rule === 'plain' ? [] : [{ option: 'rule', expected: 'plain: auto measures how long its own steps may be' }]),
  ],
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => directions + 2 / PAIR_EVERY,
  forwardsOfFirst: ({ directions }, steps) => directions * steps + 2 * Math.ceil(steps / PAIR_EVERY),
  initialState: (): State => ({
    steps: 0,
    loss: 0,
    squaredChange: 0,
    convex: 0,
    start: 0,
    gain: 0,
    curvature: 0,
    squaredCurvature: 0,
    flat: 0,
    agreement: 0,
    power: 0,
  }),
  stateShape: {
    steps: z.int().min(0),
    squaredChange: z.number().min(0),
    convex: z.int().min(0),
    gain: z.number().min(0),
    squaredCurvature: z.number().min(0),
    flat: z.number().min(0),
    power: z.number().min(0),
  },
  *estimate({ rho, directions: k, schedule, totalSteps = 1, ...options }, { streams, dimension, state, ...context }) {
    const lowestLoss = options.lowestLoss ?? context.lowestLoss ?? 0;
    const steps = state.steps + 1;
    const isPaired = state.steps % PAIR_EVERY === 0;
    const pairs = Math.ceil(steps / PAIR_EVERY);
    const pair = isPaired ? [[], { stream: streams[0]!, scale: -rho }] : [];
    const losses: Float64Array = yield {
      points: [...streams.map((stream) => ({ stream, scale: rho })), ...pair],
      of: 'halves',
    };
    const count = k + pair.length;
    const halves = [losses.subarray(0, count), losses.subarray(count)] as const;
    const both = Array.from(halves[0], (loss, i) => (loss + halves[1][i]!) / 2);
    const meanLoss = mean(both.slice(0, k));
    const differences = centred(both.slice(0, k));
    const [a, b] = halves.map((half) => centred([...half.subarray(0, k)])) as [number[], number[]];
    const power = areSame(both.slice(0, k)) ? 0 : dot(differences, differences);

    const loss = LOSS_KEPT * state.loss + meanLoss;
    const change = steps > 1 ? meanLoss - state.loss / weightOf(LOSS_KEPT, state.steps) : 0;
    const squaredChange = LOSS_KEPT * state.squaredChange + change ** 2;
    const level = loss / weightOf(LOSS_KEPT, steps);
    let { curvature, squaredCurvature, flat } = state;
    if (isPaired) {
      const [centre, behind] = both.slice(k) as [number, number];
      const second = (both[0]! + behind - 2 * centre) / rho ** 2;
      curvature = CURVATURE_KEPT * curvature + second;
      squaredCurvature = CURVATURE_KEPT * squaredCurvature + second ** 2;
      flat = CURVATURE_KEPT * flat + Number(isFlat([behind, centre, both[0]!], both.slice(0, k)));
    }
    const weight = weightOf(CURVATURE_KEPT, pairs);
    const trace = curvature / weight;
    const square = squaredCurvature / weight;
    const summedPower = state.power + power;
    // Pairs that saw no answer turn say nothing, and those that did say little: as of noise that has the losses' spread.
    const variance = summedPower / (steps * (k - 1));
    const traceError = Math.sqrt(Math.max(square, ((flat / weight) * 6 * variance) / rho ** 4) / weight);

    // Where the loss is not convex yet, what it falls by says nothing of what can be gained.
    const convex = trace > traceError ? state.convex + 1 : 0;
    const begins = convex <= START_STEPS;
    const start = begins ? level : state.start;
    const error = MEANS_ERROR * Math.sqrt(squaredChange / weightOf(LOSS_KEPT, steps));
    const gain = begins ? 0 : Math.max(state.gain, start - level - error);
    const next: State = {
      steps,
      loss,
      squaredChange,
      convex,
      start,
      gain,
      curvature,
      squaredCurvature,
      flat,
      agreement: state.agreement + dot(a, b),
      power: summedPower,
    };
    const norm = Math.sqrt(Math.max(0, square - trace ** 2) / 2); // Var vᵀHv = 2‖H‖²
    const height = Math.max(0, level - lowestLoss);
    if (level < lowestLoss - ROUNDING * Math.abs(lowestLoss)) {
      throw rangeError(
        'ERR_ZEST_OPTION',
        `lowestLoss is ${lowestLoss}, and the loss is ${meanLoss}; expected the least that this loss can be, which auto steps by: set lowestLoss, to -1 for a reward of at most 1`,
      );
    }

    // The trace and its standard error, since the first pairs know little.
    const most = Math.max(0, trace) + traceError;
    const bound = MOST_MOVE * rho * Math.sqrt(k);
    const budget = Math.min(SHARE_OF_LOSS * height + TIMES_THE_GAIN * gain, MOST_COST * height);
    const affordable = Math.sqrt((2 * budget * k) / (MEAN_SQUARE[schedule] * totalSteps * most));
    const rate = Math.min(bound, most > 0 ? affordable : bound);
    const lossSpread = Math.sqrt(power / (k - 1));
    const gradient = differences.map((difference) => (lossSpread > 0 ? difference / (k * lossSpread) : 0));
    return {
      terms: streams.map((stream, i) => ({ stream, coefficient: rate * gradient[i]! })),
      meanLoss,
      rate,
      diagnostics: {
        trace,
        // One pair has no variance.
        ...(pairs > 1 && { curvatureNorm: norm }),
        ...(next.power > 0 && { signal: next.agreement / next.power }),
        ...(pairs > 1 && lossSpread > 0 && { curvatureShare: (rho ** 2 * norm) / (Math.SQRT2 * lossSpread) }),
        measuredRate: rate,
        lossSpread,
        gradientNorm: lengthOf(gradient, dimension),
      },
      state: next,
    };
  },
  diagnostics: {
    trace: {
      title: 'Trace of the Hessian',
      words:
        'tr H, the sum of its eigenvalues, from second differences; a mean over some fifty, one every fourth step.',
      brief: 'tr H',
    },
    curvatureNorm: {
      title: 'Norm of the Hessian',
      words: '‖H‖, the root of the sum of its squared eigenvalues: what the steepest direction has at most.',
    },
    signal: {
      title: 'Signal',
      words:
        'Share of a batch’s gradient that its halves agree on, over the run so far. Near 0, a step learns the noise of its batch.',
      brief: 'signal',
    },
    curvatureShare: {
      title: 'Curvature share',
      words: 'ρ‖H‖/(√2‖∇f‖). Where it is small the loss is linear that far, and a tilt would only shorten the step.',
      brief: 'curvature share',
    },
    measuredRate: {
      title: 'Measured learning rate',
      words:
        'How far a step moves each weight, times √k, before the factor and the schedule: as far as the noise of all steps may cost 0.05 of the loss and four times what was gained, twice the loss at most.',
    },
    ...commonDiagnostics,
  },
});

/**
 * Makes the optimizer for who does not want to choose: one-sided directions whose losses are centred and held in units
 * of their spread, c = η(fᵢ − f̄)/(kσ), with a rate η that is measured along the way and falls linearly.
 *
 * A step moves each weight by some η/√k at random, which costs ½η²·tr H/k of the loss, and by what it learns. Over T steps
 * of a rate that falls to 0 linearly the random part costs η²·T·tr H/(6k), and auto lets that be Δ, by the loss f and by
 * what was gained so far: η = √(6Δk/(T·tr H)), Δ = min(0.05·f + 4·gain, 2f). This is the step of Ghadimi and Lan
 * (arXiv 1309.5549, 2.1), √(2Δ/(L·σ²·T)), in which Δ is what can be gained and not known, so that it grows with what is;
 * the trace stands for d·L, since most of a model's curvature is in few directions (MeZO, arXiv 2305.17333, 4), and σ is
 * measured at each step, as FZOO's is. More than was gained may be spent, since along steep directions, which have most
 * of the trace, a step undoes what the ones before did at random. The factors are chosen on data (docs/methods.md), and
 * so are the units of σ.
 *
 * The second difference (f(θ + ρv) + f(θ − ρv) − 2f(θ))/ρ² = vᵀHv of a pair, one every fourth step, has the mean tr H and
 * the variance 2‖H‖². Means are over some fifty pairs, that of f over twenty steps, of which f̄ is taken; the trace counts
 * with its standard error, so that the first steps, which know little of it, are shorter. Where a share s of the pairs saw
 * a flat loss, as that of a metric is until an answer turns, the error is at least √(6s)·σ/ρ² a pair (derived). The gain counts less its own,
 * and from where the trace is above its own: before, a loss of two units falls to one by what says nothing of the rest. A
 * step takes k forwards, and two more every fourth. For nothing, it says how much of the gradient the halves A and B of a
 * batch agree on, Σ DᵢᴬDᵢᴮ / Σ ((Dᵢᴬ + Dᵢᴮ)/2)², D the centred losses.
 *
 * Defaults: directions 16, rho 1e-3, law `gaussian`, schedule `linear` (it needs totalSteps), lowestLoss what the
 * objective says or 0, as of a cross-entropy, and learningRate 1, here a factor of the measured rate.
 *
 * @example
 * import { auto, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [3, 4]);
 * const optimizer = auto({ totalSteps: 100 });
 * for (let step = 0; step < 100; step++) await optimizer.step(bowl);
 * console.log(Math.hypot(...bowl.x) < 0.1); // true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS (fewer than 2 among them) or ERR_ZEST_RHO;
 * `step` rejects with ERR_ZEST_OPTION where the loss is below lowestLoss
 */
export const auto = (options: AutoOptions): Optimizer => createOptimizer(autoMethod, options);

import { z } from 'zod';
import { mean } from '../statistics.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, probe } from './options.ts';
import { commonDiagnostics, lengthOf } from './shaping.ts';

/** Share of the sums that a step keeps: they are means over some ten steps. */
const KEPT = 0.9;
/** Steps over which the learning rate grows to what is measured, since few steps measure badly. */
const TRUSTED_STEPS = 10;
/** How far a step may move each weight, in ρ, where the loss has next to no curvature. */
const MOST_MOVE = 100;
/** Power of the signal: with a falling rate, noise counts for less than in a step alone. */
const SIGNAL_POWER = 1 / 3;
/** What the signal counts as at least: below it lies what the noise of its own estimate may be. */
const LEAST_SIGNAL = 0.01;

const shape = {
  directions: directions(8, 'directions that a step draws, k ≥ 2; one forward each, and two more'),
  ...probe({ rho: 1e-3, law: 'gaussian' }),
  learningRate: z.number().default(1).describe('factor of the measured learning rate'),
  schedule: z
    .enum(['constant', 'linear', 'cosine'])
    .default('linear')
    .describe('how the learning rate falls from its value to 0 over the run'),
};

/** Options of {@link auto}. */
export type AutoOptions = MethodInput<typeof shape>;

/** Sums over the steps so far; those of the curvature have each step weigh {@link KEPT} times the next one. */
type State = {
  steps: number;
  /** Of (f(θ + ρv) + f(θ − ρv) − 2f(θ))/ρ², whose mean is tr H. */
  curvature: number;
  /** Of its square. */
  squaredCurvature: number;
  /** Of Σ DᵢᴬDᵢᴮ, the product of what the halves of a batch say. */
  agreement: number;
  /** Of Σ ((Dᵢᴬ + Dᵢᴮ)/2)². */
  power: number;
};

const centred = (losses: readonly number[]): number[] => {
  const centre = mean(losses);
  return losses.map((loss) => loss - centre);
};

const product = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);

/** One-sided directions at a measured learning rate. */
export const autoMethod = defineMethod({
  name: 'auto',
  title: 'auto',
  options: shape,
  conflicts: ({ directions }) =>
    directions >= 2 ? [] : [{ option: 'directions', expected: 'at least 2: a loss is held against the others' }],
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => directions + 2,
  initialState: (): State => ({ steps: 0, curvature: 0, squaredCurvature: 0, agreement: 0, power: 0 }),
  *estimate({ rho, directions: k }, { streams, dimension, state }) {
    const points = streams.map((stream) => ({ stream, scale: rho }));
    const behind = { stream: streams[0] as bigint, scale: -rho };
    const losses: Float64Array = yield { points: [[], behind, ...points], of: 'halves' };
    const halves = [losses.subarray(0, k + 2), losses.subarray(k + 2)] as const;
    const both = Array.from(halves[0], (loss, i) => (loss + (halves[1][i] as number)) / 2);
    const [centre, back, ahead] = both as [number, number, number];
    const differences = centred(both.slice(2));
    const [a, b] = halves.map((half) => centred([...half.subarray(2)])) as [number[], number[]];

    const kept = (sum: number, value: number): number => KEPT * sum + value;
    const second = (ahead + back - 2 * centre) / rho ** 2;
    const next: State = {
      steps: state.steps + 1,
      curvature: kept(state.curvature, second),
      squaredCurvature: kept(state.squaredCurvature, second ** 2),
      agreement: state.agreement + product(a, b),
      power: state.power + product(differences, differences),
    };
    const weight = (1 - KEPT ** next.steps) / (1 - KEPT);
    const trace = next.curvature / weight;
    const square = next.squaredCurvature / weight;
    // Var vᵀHv = 2‖H‖²; as if all of the square were variance, where a step alone has none.
    const norm = Math.sqrt((Math.max(0, square - trace ** 2) + square / next.steps) / 2);
    const signal = next.power > 0 ? Math.min(1, Math.max(LEAST_SIGNAL, next.agreement / next.power)) : 0;

    const gradient = differences.map((difference) => difference / (rho * (k - 1)));
    const length = Math.hypot(...gradient);
    const most = length > 0 ? (MOST_MOVE * rho) / length : 0;
    const curvature = Math.max(0, trace) / k + norm;
    const trust = Math.min(1, next.steps / TRUSTED_STEPS);
    const rate = trust * (curvature > 0 ? Math.min(most, signal ** SIGNAL_POWER / curvature) : most);
    return {
      terms: streams.map((stream, i) => ({ stream, coefficient: rate * (gradient[i] as number) })),
      meanLoss: centre,
      diagnostics: {
        trace,
        curvatureNorm: norm,
        signal,
        measuredRate: rate,
        lossSpread: Math.sqrt(product(differences, differences) / (k - 1)),
        gradientNorm: lengthOf(gradient, dimension),
      },
      state: next,
    };
  },
  diagnostics: {
    trace: {
      title: 'Trace of the Hessian',
      words: 'tr H, the sum of its eigenvalues, from second differences; a mean over some ten steps.',
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
    measuredRate: { title: 'Measured learning rate', words: '∛s/(tr H/k + ‖H‖), before the factor and the schedule.' },
    ...commonDiagnostics,
  },
});

/**
 * The method for who does not want to choose: one-sided directions whose losses are centred, c = η(fᵢ − f̄)/(ρ(k − 1)),
 * with a learning rate that is measured along the way and falls linearly.
 *
 * A step −ηG gains η‖g‖² and costs ½η²·(tr H/k + λ)·‖g_B‖² of the loss, with g the gradient, g_B that of the batch and
 * λ the curvature along it, so alone it is best at η = s/(tr H/k + λ), s = ‖g‖²/‖g_B‖² (derived: E[GᵀHG] of
 * G = Σ(fᵢ − f̄)vᵢ/(ρ(k − 1)) for f of second order). λ is at most ‖H‖, Frobenius', which stands for it. Over a run whose
 * rate falls to 0 the noise of batches averages out but for a part that is logarithmic in s·steps, so that s counts by its
 * cube root (chosen on three data sets, docs/methods.md).
 *
 * The second difference (f(θ + ρv) + f(θ − ρv) − 2f(θ))/ρ² = vᵀHv of one pair a step has the mean tr H and the variance
 * 2‖H‖². s is what the halves A and B of a batch agree on, Σ DᵢᴬDᵢᴮ / Σ ((Dᵢᴬ + Dᵢᴮ)/2)², D the centred losses: no
 * forward more. tr H and ‖H‖ are means over some ten steps, s is of the run so far, and the first ten steps are shorter.
 * k + 2 forwards a step. An objective without losses of its sequences is taken to have no noise, s = 1.
 *
 * Defaults: directions 8, rho 1e-3, law `gaussian`, schedule `linear`, which needs totalSteps, and learningRate 1, here
 * a factor of the measured rate.
 *
 * @example
 * import { auto, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [3, 4]);
 * const optimizer = auto({ totalSteps: 100 });
 * for (let step = 0; step < 100; step++) await optimizer.step(bowl);
 * console.log(Math.hypot(...bowl.x) < 0.5); // true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS (fewer than 2 among them) or ERR_ZEST_RHO
 */
export const auto = (options: AutoOptions): Optimizer => createOptimizer(autoMethod, options);

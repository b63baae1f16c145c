import { z } from 'zod';
import { populationDeviation } from '../numbers/statistics.ts';
import { coded } from '../options/check.ts';
import { readArgument } from '../options/reading.ts';
import { brief } from '../text/show.ts';
import { coefficients, type Estimator, type EstimatorOptions, type Tilt } from './estimators.ts';
import { defineMethod, type MethodInput, type MethodOptions, type StepContext, type StepEstimate } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { directions, perturbation, tilt } from './options.ts';

const shape = {
  directions: directions(5),
  tilt: coded(tilt.default(1).describe('t, or how to choose it from the losses of each step'), 'ERR_ZEST_TILT'),
  estimator: coded(
    z
      .enum(['naive', 'biasCorrected', 'beale', 'jackknife'])
      .default('naive')
      .describe('how the ratio of means that ∇F is gets estimated'),
    'ERR_ZEST_ESTIMATOR',
  ),
  sides: z.enum(['two', 'one']).default('two').describe('one: one forward a direction'),
  ...perturbation,
};

type Shape = typeof shape;

/** Below it a tilt weighs all evaluations alike to a thousandth. */
const LEAST_TAU = 1e-3;
/** Below it the loss is so linear around the weights that no weighting of perturbations turns the step. */
const LEAST_CURVATURE_SHARE = 0.1;
/** Below it one evaluation has most of the weight: two of equal weight have a size of 2. */
const LEAST_SAMPLE_SIZE = 1.5;

const asksForTilt = (tilt: Tilt): boolean => {
  if (typeof tilt === 'number') return tilt > 0;
  if ('effectiveSampleSize' in tilt) return tilt.effectiveSampleSize < 1;
  return ('tau' in tilt ? tilt.tau : tilt.klRadius) > 0;
};

const forwards = ({ directions, sides }: { directions: number; sides: 'one' | 'two' }): number =>
  sides === 'one' ? directions : 2 * directions;

/** The scalars of {@link coefficients}, for every method that is ZEST under another name. */
export const zestDiagnostics = {
  tilt: { title: 'Tilt', words: 't, as used by each step. 0 is MeZO.', brief: 'tilt' },
  tau: {
    title: 'Tau',
    words: 't·σ: the tilt against the spread of the losses. Far below 1 a step is hardly tilted.',
  },
  effectiveSampleSize: {
    title: 'Effective sample size',
    words: 'Share of a step’s evaluations that carry weight. Near its least, one evaluation decides the step.',
    brief: 'effective sample size',
    perForward: true,
  },
  coefficientSpread: {
    title: 'Coefficient spread',
    words: 'Standard deviation of the coefficients over the directions of a step; 0 with one direction.',
  },
  gradientNorm: {
    title: 'Gradient norm',
    words: '‖c‖·√d, the length of the estimate. It measures the noise of few directions more than the gradient.',
  },
  curvatureShare: {
    title: 'Curvature share',
    words:
      'std of the pairs’ means over std of their half differences, ρ‖H‖/(√2‖∇f‖). Where it is small the loss is linear that far, and a tilt only shortens the step.',
    brief: 'curvature share',
  },
  tiltedLoss: { title: 'Tilted loss', words: '(1/t)·log mean exp(t·f) over a step’s losses.', chart: false },
};

/**
 * std mᵢ/std hᵢ of pairs, m their mean and h half their difference: ρ‖H‖/(√2‖∇f‖) for a loss of second order (derived).
 * NaN of one pair.
 */
export const curvatureShare = (pairs: Float64Array): number => {
  const count = pairs.length / 2;
  const of = (sign: number) =>
    Float64Array.from({ length: count }, (_, i) => (pairs[2 * i]! + sign * pairs[2 * i + 1]!) / 2);
  return count < 2 ? Number.NaN : populationDeviation(of(1)) / populationDeviation(of(-1));
};

/** What {@link zestEstimate} reads of a method's options. */
type EstimateOptions = Omit<EstimatorOptions, 'dimension'>;

/** ZEST's step: θ ± ρv or θ + ρv for each direction, and the coefficients of {@link coefficients}. */
export function* zestEstimate(
  { rho, tilt, estimator, sides, normalize }: EstimateOptions,
  { streams, dimension }: Pick<StepContext, 'streams' | 'dimension'>,
): Generator<{ stream: bigint; scale: number }[], StepEstimate, Float64Array> {
  const scales = sides === 'two' ? [rho, -rho] : [rho];
  const losses = yield streams.flatMap((stream) => scales.map((scale) => ({ stream, scale })));
  const step = coefficients(losses, { rho, tilt, estimator, sides, normalize, dimension });
  const { coefficients: c, losses: _, meanLoss, ...scalars } = step;
  const share = sides === 'two' ? curvatureShare(losses) : Number.NaN;
  return {
    terms: streams.map((stream, i) => ({ stream, coefficient: c[i]! })),
    meanLoss,
    diagnostics: {
      ...scalars,
      coefficientSpread: populationDeviation(c),
      ...(Number.isFinite(share) && { curvatureShare: share }),
    },
  };
}

/** ZEST (arXiv 2510.16157). */
export const zestMethod = defineMethod({
  name: 'zest',
  title: 'ZEST',
  options: shape,
  conflicts({ sides, estimator, directions }) {
    if (sides === 'two') return [];
    const code = 'ERR_ZEST_ESTIMATOR';
    return [
      ...(estimator === 'naive' ? [] : [{ option: 'estimator', expected: 'naive with sides one', code } as const]),
      ...(directions >= 2 ? [] : [{ option: 'directions', expected: 'at least 2 with sides one', code } as const]),
    ];
  },
  streams: ({ directions }) => directions,
  forwards,
  estimate: zestEstimate,
  diagnostics: zestDiagnostics,
  warnings(options, { median }) {
    if (!asksForTilt(options.tilt)) return [];
    const { directions } = options;
    const [tau, size, share] = [median('tau'), median('effectiveSampleSize'), median('curvatureShare')];
    const found: { code: string; message: string }[] = [];
    if (tau < LEAST_TAU) {
      found.push({
        code: 'WARN_ZEST_TILT',
        message: `the tilt is numerically none: tau, the tilt times the spread of a step's losses, is ${brief(tau)}, and the run behaves as MeZO with ${directions} direction${directions === 1 ? '' : 's'}; use optimizer.tilt {tau: 1}`,
      });
    } else if (share < LEAST_CURVATURE_SHARE) {
      found.push({
        code: 'WARN_ZEST_TILT',
        message: `the tilt cannot act: the curvature share is ${brief(share)}, so that the loss is linear within rho and the tilt makes the step shorter and noisier, not flatter; use a larger optimizer.rho, ${brief((0.5 * options.rho) / share)} would make the share 0.5, or tilt 0`,
      });
    }
    if (forwards(options) > 2 && size < LEAST_SAMPLE_SIZE) {
      found.push({
        code: 'WARN_ZEST_EFFECTIVE_SAMPLE_SIZE',
        message: `the effective sample size is ${brief(size)} of ${forwards(options)} evaluations: one of them decides each step; use a smaller optimizer.tilt, {tau: 1} say, or more directions`,
      });
    }
    return found;
  },
});

/** ZEST with an estimator that may be a function of the losses. */
export const withEstimator = (estimator: Estimator | undefined) =>
  typeof estimator === 'function'
    ? {
        ...zestMethod,
        estimate: (options: MethodOptions<Shape>, context: StepContext) =>
          zestEstimate({ ...options, estimator }, context),
      }
    : zestMethod;

/** Options of {@link zest}; docs/configuration.md says what each is. */
export interface ZestOptions extends Omit<MethodInput<Shape>, 'estimator'> {
  /** A ratio estimator by its name, or a function of the losses that returns one coefficient a direction. Default `naive`. */
  estimator?: Estimator;
}

/**
 * Makes the optimizer of ZEST: zeroth-order learning on the tilted objective F_t(θ) = (1/t)·log E[exp(t·f(θ + ρv))].
 *
 * A step draws k directions vᵢ, evaluates f at θ ± ρvᵢ, and moves along G = Σ cᵢvᵢ, where c is a ratio estimator of
 * ∇F_t = E[a·v]/E[B], a = (exp(t·f⁺) − exp(t·f⁻))/(2tρ), B = (exp(t·f⁺) + exp(t·f⁻))/2 (arXiv 2510.16157).
 * Defaults: directions 5, rho 1e-3, tilt 1, estimator `naive`, sides `two`, law `gaussian`, normalize `none`,
 * schedule `constant`, weightDecay 0, seed 0. `learningRate` has none.
 *
 * @example
 * import { loadTask, Model, Tokenizer, zest } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const batch = task.batch([{ sentence: 'a charming film', label: 1 }]);
 * const optimizer = zest({ learningRate: 1e-5, tilt: { tau: 1 } });
 * const { meanLoss, diagnostics } = await optimizer.step(model, batch);
 * console.log(meanLoss, diagnostics.effectiveSampleSize);
 *
 * @throws TypeError or RangeError with the code of the option at fault: ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS,
 * ERR_ZEST_RHO, ERR_ZEST_TILT or ERR_ZEST_ESTIMATOR
 */
export const zest = (options: ZestOptions): Optimizer => {
  const { estimator, ...others } = readArgument('options', () => ({ ...options }));
  const named = typeof estimator === 'function' ? undefined : estimator;
  return createOptimizer(withEstimator(estimator), { ...others, estimator: named });
};

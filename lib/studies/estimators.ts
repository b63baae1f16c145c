import { coefficients } from '../methods/estimators.ts';
import { dot } from '../numbers/vectors.ts';
import { combine, normals } from './directions.ts';
import { brief } from './figures.ts';
import { ESTIMATORS, gatherEstimates, type Quality } from './quality.ts';
import type { Study, StudyContext, StudyLine } from './study.ts';

// A quadratic f(x) = gᵀx + ½Σλᵢxᵢ² at 0 and Gaussian directions, where ∇F_t is gᵢ/(1 − tρ²λᵢ) exactly.

const NAMES = Object.keys(ESTIMATORS);
const TAUS = [0, 0.3, 0.5, 1, 1.5, 2];
const RHO = 0.05;
const DIMENSION = 30;

export interface Quadratic {
  g: readonly number[];
  lambda: readonly number[];
}

/** ‖g‖ = 1, and curvatures a decade and more apart, for which the variance of exp(t·f) is finite up to τ = 2. */
const anisotropic = (): Quadratic => {
  const lambda = Array.from({ length: DIMENSION }, (_, i) => 4 / (i + 1));
  const g = lambda.map((_, i) => Math.cos(1.7 * i + 0.4));
  const length = Math.sqrt(dot(g, g));
  return { g: g.map((value) => value / length), lambda };
};

/** The standard deviation of the losses around 0: ρ²‖g‖² + ½ρ⁴Σλ². */
export const lossSpread = ({ g, lambda }: Quadratic, rho: number): number =>
  Math.sqrt(rho ** 2 * dot(g, g) + (rho ** 4 / 2) * dot(lambda, lambda));

/** ∇F_t at 0 by Gaussian directions. */
export const tiltedGradient = ({ g, lambda }: Quadratic, t: number, rho: number): number[] =>
  g.map((value, i) => value / (1 - t * rho ** 2 * lambda[i]!));

/** E exp(t·f) over Gaussian directions. */
export const meanWeight = ({ g, lambda }: Quadratic, t: number, rho: number): number =>
  Math.exp(
    g.reduce((sum, value, i) => {
      const rest = 1 - t * rho ** 2 * lambda[i]!;
      return sum - Math.log(rest) / 2 + (t ** 2 * rho ** 2 * value ** 2) / (2 * rest);
    }, 0),
  );

/** f(ρv) and f(−ρv) of directions that lie one behind another. */
const losses = ({ g, lambda }: Quadratic, v: Float32Array, count: number, rho: number): Float64Array => {
  const d = g.length;
  const found = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    let [slope, curve] = [0, 0];
    for (let j = 0; j < d; j++) {
      const value = v[i * d + j]!;
      slope += g[j]! * value;
      curve += lambda[j]! * value ** 2;
    }
    found[2 * i] = (rho ** 2 * curve) / 2 + rho * slope;
    found[2 * i + 1] = (rho ** 2 * curve) / 2 - rho * slope;
  }
  return found;
};

/** Of every estimator for every τ, at so many forwards. */
const qualities = (quadratic: Quadratic, forwards: number, repeats: number, seed: number) => {
  const sigma = lossSpread(quadratic, RHO);
  const cells = TAUS.flatMap((tau) => {
    const tilt = tau / sigma;
    const target = tiltedGradient(quadratic, tilt, RHO);
    return NAMES.map((name) => ({ tau, name, tilt, gathered: gatherEstimates(target), ...ESTIMATORS[name]! }));
  });
  for (let r = 0; r < repeats; r++) {
    const v = normals(seed, forwards * 2 ** 32 + r, forwards * DIMENSION);
    const pairs = losses(quadratic, v, forwards, RHO);
    const values = { two: pairs.subarray(0, forwards), one: pairs.filter((_, i) => i % 2 === 0) };
    for (const { estimator, sides, tilt, gathered } of cells) {
      const { coefficients: c } = coefficients(values[sides], { rho: RHO, tilt, estimator, sides });
      gathered.add(combine(c, v, DIMENSION));
    }
  }
  return cells.map(({ tau, name, gathered }) => ({ forwards, tau, name, ...gathered.quality() }));
};

const SMALL: Quadratic = { g: [0.8, -0.5, 0.3], lambda: [1, 0.5, -0.5] };
const SMALL_RHO = 0.3;
const SMALL_TILT = 1.5;

/**
 * ‖E G − ∇F_t‖/‖∇F_t‖ against k. The mean of A − ∇F_t·B over directions is 0, so that (Ā − ∇F_t·B̄)/E B is taken away:
 * what is left is of the order of the bias.
 */
const biases = async (
  counts: readonly number[],
  repeats: number,
  { seed, turn }: StudyContext,
  done: number,
  total: number,
) => {
  const [rho, t, d] = [SMALL_RHO, SMALL_TILT, SMALL.g.length];
  const target = tiltedGradient(SMALL, t, rho);
  const weight = meanWeight(SMALL, t, rho);
  const two = NAMES.filter((name) => ESTIMATORS[name]!.sides === 'two');
  const found = Object.fromEntries(two.map((name) => [name, [] as number[]]));
  for (const [i, k] of counts.entries()) {
    const sums = two.map(() => new Float64Array(d));
    for (let r = 0; r < repeats; r++) {
      const v = normals(seed, 2 ** 50 + k * 2 ** 32 + r, k * d);
      const values = losses(SMALL, v, k, rho);
      const weights = values.map((loss) => Math.exp(t * loss));
      const a = Float64Array.from({ length: k }, (_, j) => (weights[2 * j]! - weights[2 * j + 1]!) / (2 * t * rho * k));
      const b = weights.reduce((sum, value) => sum + value, 0) / (2 * k);
      const A = combine(a, v, d);
      for (const [e, name] of two.entries()) {
        const { coefficients: c } = coefficients(values, { ...ESTIMATORS[name]!, rho, tilt: t });
        const G = combine(c, v, d);
        const sum = sums[e]!;
        for (let j = 0; j < d; j++) sum[j] = sum[j]! + G[j]! - target[j]! - (A[j]! - target[j]! * b) / weight;
      }
    }
    for (const [e, name] of two.entries())
      found[name]!.push(Math.sqrt(dot(sums[e]!, sums[e]!) / dot(target, target)) / repeats);
    await turn(done + i + 1, total);
  }
  return found;
};

/** The slope of log y over log x, by least squares. */
export const slopeOf = (x: readonly number[], y: readonly number[]): number => {
  const [u, w] = [x.map(Math.log), y.map(Math.log)];
  const [mu, mw] = [u, w].map((list) => list.reduce((a, b) => a + b, 0) / list.length) as [number, number];
  return (
    u.reduce((sum, value, i) => sum + (value - mu) * (w[i]! - mw), 0) /
    u.reduce((sum, value) => sum + (value - mu) ** 2, 0)
  );
};

/** Open question 1. */
export const estimators: Study = {
  title: 'Estimators of the tilted gradient',
  question: 'What do the ratio estimators buy at equal forwards: bias, variance, error, cosine, length?',
  async run(context) {
    const { seed, quick, turn } = context;
    const forwards = quick ? [10, 32] : [4, 10, 16, 32, 64, 128];
    const repeats = quick ? 500 : 4000;
    const counts = quick ? [4, 8, 16] : [2, 4, 8, 16, 32];
    const biasRepeats = quick ? 10_000 : 250_000;
    const total = forwards.length + counts.length;
    const quadratic = anisotropic();

    const cells: ({ forwards: number; tau: number; name: string } & Quality)[] = [];
    for (const [i, count] of forwards.entries()) {
      cells.push(...qualities(quadratic, count, repeats, seed));
      await turn(i + 1, total);
    }
    const bias = await biases(counts, biasRepeats, context, forwards.length, total);
    const cell = (count: number, tau: number, name: string) =>
      cells.find((one) => one.forwards === count && one.tau === tau && one.name === name)!;
    const overForwards = (tau: number, of: keyof Quality): StudyLine[] =>
      NAMES.map((name) => ({ name, x: forwards, y: forwards.map((count) => cell(count, tau, name)[of]) }));
    const overTau = (count: number, of: keyof Quality): StudyLine[] =>
      NAMES.map((name) => ({ name, x: TAUS, y: TAUS.map((tau) => cell(count, tau, name)[of]) }));
    const slopes = Object.entries(bias).map(([name, values]) => ({
      name,
      slope: slopeOf(counts.slice(-3), values.slice(-3)),
    }));
    const of10 = (name: string): Quality => cell(10, 1, name);
    const [naive, corrected, beale] = [of10('naive'), of10('biasCorrected'), of10('beale')];
    const [jackknife, oneSided] = [of10('jackknife'), of10('one-sided')];
    const titles: [keyof Quality, string, string][] = [
      ['cosine', 'Cosine with the tilted gradient', 'Of one estimate. It does not depend on the learning rate.'],
      [
        'tunedError',
        'Error at the best length',
        'E‖aG − ∇F_t‖²/‖∇F_t‖² with the best a: what is left when the learning rate is chosen.',
      ],
      ['error', 'Error as it is', 'E‖G − ∇F_t‖²/‖∇F_t‖². Long estimates are far off, whatever their bias.'],
      ['scale', 'Scale', 'E[G]·∇F_t/‖∇F_t‖²: the bias is that the step is shorter.'],
    ];

    return {
      settings: {
        loss: 'quadratic, Gaussian directions',
        dimension: DIMENSION,
        rho: RHO,
        repeats,
        forwards,
        gradient: 1,
        curvatures: '4/i',
        sigma: lossSpread(quadratic, RHO),
        bias: { ...SMALL, rho: SMALL_RHO, tilt: SMALL_TILT, repeats: biasRepeats, directions: counts },
      },
      findings: [
        `The bias falls with k to the power ${slopes.map(({ name, slope }) => `${brief(slope)} (${name})`).join(', ')}, over k = ${counts.slice(-3).join(', ')}.`,
        `With 10 forwards at τ = 1 that bias is one of length: E G has ${brief(naive.scale)} of the length of ∇F_t with naive, ${brief(corrected.scale)} corrected, ${brief(beale.scale)} Beale, ${brief(jackknife.scale)} jackknife.`,
        `They pay for it with noise: cosines ${brief(naive.cosine)} naive, ${brief(corrected.cosine)} corrected, ${brief(beale.cosine)} Beale, ${brief(jackknife.cosine)} jackknife; errors at the best length ${brief(naive.tunedError)}, ${brief(corrected.tunedError)}, ${brief(beale.tunedError)}, ${brief(jackknife.tunedError)}.`,
        `One-sided with as many forwards, and so twice the directions, has the cosine ${brief(oneSided.cosine)} and the error ${brief(oneSided.tunedError)}.`,
      ],
      tables: TAUS.filter((tau) => tau === 1 || tau === 2)
        .flatMap((tau) =>
          forwards
            .filter((count) => count === 10 || count === 32)
            .map((count) => ({
              caption: `τ = ${tau}, ${count} forwards`,
              columns: ['estimator', 'scale', 'noise', 'error', 'error at the best length', 'cosine', 'length'],
              rows: NAMES.map((name) => {
                const { scale, noise, error, tunedError, cosine, length } = cell(count, tau, name);
                return [name, scale, noise, error, tunedError, cosine, length];
              }),
            })),
        )
        .concat([
          {
            caption: `‖E G − ∇F_t‖/‖∇F_t‖ in three dimensions, ρ = ${SMALL_RHO}, t = ${SMALL_TILT}, and its slope over the last three k`,
            columns: ['estimator', ...counts.map((k) => `k = ${k}`), 'slope'],
            rows: slopes.map(({ name, slope }) => [name, ...bias[name]!, slope]),
          },
        ]),
      charts: [
        {
          id: 'bias',
          title: 'Bias',
          words:
            'Of the two-sided estimators in three dimensions. Both axes are logarithmic: 1/k and 1/k² are straight.',
          x: { label: 'directions, k', log: true },
          y: { label: 'bias', log: true },
          lines: Object.entries(bias).map(([name, y]) => ({ name, x: counts, y })),
        },
        ...titles.map(([of, title, words]) => ({
          id: `${of.toLowerCase()}-forwards`,
          title: `${title}, τ = 1`,
          words,
          x: { label: 'forwards', log: true },
          y: { label: title.split(',')[0]! },
          lines: overForwards(1, of),
        })),
        ...titles.slice(0, 2).map(([of, title, words]) => ({
          id: `${of.toLowerCase()}-tau`,
          title: `${title}, 10 forwards`,
          words,
          x: { label: 'τ = t·σ' },
          y: { label: title },
          lines: overTau(10, of),
        })),
      ],
    };
  },
};

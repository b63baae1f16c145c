import { coefficients } from '../methods/estimators.ts';
import { mean } from '../numbers/statistics.ts';
import { dot } from '../numbers/vectors.ts';
import { combine, normals } from './directions.ts';
import { brief, lineOf } from './figures.ts';
import type { Study, StudyContext, StudyTable } from './study.ts';

// A linear loss, f(θ + ρv) = f + s·v₁ with s = 1: the losses around the weights are N(f, s²), and t is τ.

const TAUS = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const TILTED = [0, 0.5, 1, 1.5, 2];
const DIMENSION = 100;
/** Forwards without a tilt whose quality is to be held: of 5 and of 32 directions, both ways. */
const REFERENCES = [10, 64] as const;

const SIDES = ['two', 'one'] as const;
type Sides = (typeof SIDES)[number];

/**
 * By how many times as many directions a tilt asks for where there are many: 1 over the squared correlation of the
 * weights with the slope along a direction. Two-sided the weights are sinh τz and the slope z, one-sided e^{τz} and z:
 * E z·sinh τz = τe^{τ²/2} and E sinh² τz = (e^{2τ²} − 1)/2.
 */
export const directionsFactor = (tau: number, sides: Sides): number => {
  if (tau === 0) return 1;
  return (sides === 'two' ? Math.sinh(tau ** 2) : Math.expm1(tau ** 2)) / tau ** 2;
};

/** (Σw)²/Σw² of n, as a share, for w = e^{τz}. */
const sampleShare = (z: Float32Array, tau: number): number => {
  const most = z.reduce((a, b) => Math.max(a, b));
  let [sum, squares] = [0, 0];
  for (const value of z) {
    const weight = Math.exp(tau * (value - most));
    sum += weight;
    squares += weight ** 2;
  }
  return sum ** 2 / squares / z.length;
};

const effectiveSizes = async (sizes: readonly number[], draws: number, { seed, turn }: StudyContext, total: number) => {
  const lines: ReturnType<typeof lineOf>[] = [];
  for (const [s, size] of sizes.entries()) {
    const repeats = Math.max(8, Math.round(draws / size));
    const shares: number[][] = TAUS.map(() => []);
    for (let r = 0; r < repeats; r++) {
      const z = normals(seed, 2 ** 32 * (s + 1) + r, size);
      for (const [i, tau] of TAUS.entries()) shares[i]!.push(sampleShare(z, tau));
    }
    lines.push(lineOf(`n = ${size.toLocaleString('en-US')}`, TAUS, shares));
    await turn(s + 1, total);
  }
  return lines;
};

interface Quality {
  /** Cosines with the gradient, one a repeat. */
  cosines: number[];
  /** E‖G‖²/‖EG‖². */
  noise: number;
}

/** How well estimates of so many forwards do, for each tilt. */
const qualities = (forwards: number, repeats: number, seed: number): Record<Sides, Quality[]> => {
  const found = { two: [] as Quality[], one: [] as Quality[] };
  const sums = SIDES.flatMap((sides) => TILTED.map(() => ({ sides, along: 0, squared: 0, cosines: [] as number[] })));
  for (let r = 0; r < repeats; r++) {
    const v = normals(seed, r, forwards * DIMENSION);
    const slopes = Float64Array.from({ length: forwards }, (_, i) => v[i * DIMENSION]!);
    const half = slopes.subarray(0, forwards / 2);
    const losses = {
      one: slopes,
      two: Float64Array.from({ length: forwards }, (_, i) => half[i >> 1]! * (i % 2 ? -1 : 1)),
    };
    for (const [i, sum] of sums.entries()) {
      const { sides } = sum;
      const tilt = TILTED[i % TILTED.length]!;
      const { coefficients: c } = coefficients(losses[sides], { rho: 1, tilt, estimator: 'naive', sides });
      const G = combine(c, v, DIMENSION);
      const squared = dot(G, G);
      sum.along += G[0]!;
      sum.squared += squared;
      sum.cosines.push(G[0]! / Math.sqrt(squared));
    }
  }
  for (const { sides, along, squared, cosines } of sums)
    found[sides].push({ cosines, noise: squared / repeats / (along / repeats) ** 2 });
  return found;
};

/** Where a line that rises over log x reaches a height. NaN: nowhere. */
const reaches = (x: readonly number[], y: readonly number[], height: number): number => {
  const above = y.findIndex((value) => value >= height);
  if (above <= 0) return above === 0 ? x[0]! : Number.NaN;
  const [x0, x1, y0, y1] = [x[above - 1]!, x[above]!, y[above - 1]!, y[above]!];
  return x0 * (x1 / x0) ** ((height - y0) / (y1 - y0));
};

/** Relative variance of e^{tf} over Gaussian perturbations, f = λx²/2 and a = tρ²λ. */
const tails = (draws: number, seed: number): StudyTable => {
  const z = normals(seed, 2 ** 40, draws);
  const rows = [0.1, 0.2, 0.3, 0.4, 0.45, 0.49].map((a) => {
    const weights = Array.from(z, (value) => Math.exp((a * value ** 2) / 2));
    const centre = mean(weights);
    const variance = mean(weights.map((weight) => (weight - centre) ** 2));
    return [String(a), (1 - a) / Math.sqrt(1 - 2 * a) - 1, variance / centre ** 2];
  });
  return {
    caption: `Relative variance of exp(t·f), f = λx²/2, over Gaussian perturbations: infinite from tρ²λ = ½ on; measured with ${draws.toLocaleString('en-US')} draws`,
    columns: ['tρ²λ', 'exact', 'measured'],
    rows,
  };
};

/** Open question 3. */
export const variance: Study = {
  title: 'Variance of a tilted estimate',
  question: 'How do variance and effective sample size go as t·σ grows, and how many directions hold a given quality?',
  async run(context) {
    const { seed, quick, turn } = context;
    const draws = quick ? 20_000 : 2_000_000;
    const sizes = [10, 100, 1000, 10_000];
    const forwards = quick ? [4, 10, 20, 64, 160] : [4, 6, 10, 16, 24, 40, 64, 100, 160, 256, 400, 640];
    const repeats = quick ? 200 : 4000;
    const total = sizes.length + forwards.length;

    const shares = await effectiveSizes(sizes, draws, context, total);
    const measured: Record<Sides, Quality[]>[] = [];
    for (const [i, count] of forwards.entries()) {
      measured.push(qualities(count, repeats, seed));
      await turn(sizes.length + i + 1, total);
    }
    const law = TAUS.map((tau) => Math.exp(-(tau ** 2)));
    const cosinesOf = (sides: Sides) =>
      TILTED.map((tau, t) =>
        lineOf(
          `τ = ${tau}`,
          forwards,
          measured.map((of) => of[sides][t]!.cosines),
        ),
      );
    const cosines = { two: cosinesOf('two'), one: cosinesOf('one') };
    const held = REFERENCES.map((forwardsHeld) => {
      const target = cosines.two[0]!.y[forwards.indexOf(forwardsHeld)]!;
      const needed = (sides: Sides) => cosines[sides].map(({ y }) => reaches(forwards, y, target));
      return { forwardsHeld, target, two: needed('two'), one: needed('one') };
    });
    const at = (tau: number) => TILTED.indexOf(tau);
    const growth = SIDES.map((sides) => ({
      name: `${sides}-sided, ${forwards.at(-1)} forwards`,
      x: TILTED,
      y: TILTED.map((_, t) => measured.at(-1)![sides][t]!.noise / measured.at(-1)![sides][0]!.noise),
    }));

    return {
      settings: { loss: 'linear', dimension: DIMENSION, law: 'gaussian', estimator: 'naive', repeats, draws, forwards },
      findings: [
        `The effective share of many evaluations is e^(−τ²): at τ = 1 it is ${brief(shares.at(-1)!.y[TAUS.indexOf(1)]!)} of 10,000 (${brief(Math.exp(-1))} by the law), at τ = 2 ${brief(shares.at(-1)!.y[TAUS.indexOf(2)]!)} (${brief(Math.exp(-4))}). Of ten it cannot fall below a tenth: at τ = 2 it is ${brief(shares[0]!.y[TAUS.indexOf(2)]!)}.`,
        ...held.map(
          ({ forwardsHeld, target, two, one }) =>
            `To be as near the gradient as ${forwardsHeld / 2} untilted directions both ways (cosine ${brief(target)} in ${DIMENSION} dimensions, ${forwardsHeld} forwards) takes ${brief(two[at(1)]!)} forwards at τ = 1; one-sided ${brief(one[0]!)} untilted and ${brief(one[at(1)]!)} at τ = 1.`,
        ),
        'The law for many directions is sinh(τ²)/τ² times as many two-sided, (e^(τ²) − 1)/τ² one-sided: 1.2 and 1.7 at τ = 1, 6.8 and 13 at τ = 2, 450 and 900 at τ = 3.',
      ],
      tables: [
        ...held.map(({ forwardsHeld, two, one }) => ({
          caption: `Forwards for the cosine of ${forwardsHeld / 2} untilted directions both ways, and what the law for many directions says; – is beyond ${forwards.at(-1)}`,
          columns: ['τ', 'two-sided', 'by the law', 'one-sided', 'by the law'],
          rows: TILTED.map((tau, t) => [
            String(tau),
            two[t]!,
            forwardsHeld * directionsFactor(tau, 'two'),
            one[t]!,
            one[0]! * directionsFactor(tau, 'one'),
          ]),
        })),
        {
          caption: 'Effective share of the evaluations',
          columns: ['τ', 'e^(−τ²)', ...shares.map(({ name }) => name)],
          rows: TAUS.map((tau, i) => [String(tau), law[i]!, ...shares.map(({ y }) => y[i]!)]),
        },
        tails(draws, seed),
      ],
      charts: [
        {
          id: 'effective-share',
          title: 'Effective share of the evaluations',
          words: '(Σw)²/Σw² over n evaluations of a linear loss, and e^(−τ²).',
          x: { label: 'τ = t·σ' },
          y: { label: 'share', log: true },
          lines: [{ name: 'e^(−τ²)', x: TAUS, y: law }, ...shares],
        },
        ...SIDES.map((sides) => ({
          id: `cosine-${sides}`,
          title: `Cosine with the gradient, ${sides}-sided`,
          words: 'Of one estimate, at equal forwards. A tilt costs signal where the loss is linear.',
          x: { label: 'forwards', log: true },
          y: { label: 'cosine' },
          lines: cosines[sides],
        })),
        {
          id: 'growth',
          title: 'Growth of the noise',
          words: 'E‖G‖²/‖EG‖² against that without a tilt, and the law for many directions.',
          x: { label: 'τ = t·σ' },
          y: { label: 'times', log: true },
          lines: [
            ...growth,
            ...SIDES.map((sides) => ({
              name: `law, ${sides}-sided`,
              x: TILTED,
              y: TILTED.map((tau) => directionsFactor(tau, sides)),
            })),
          ],
        },
      ],
    };
  },
};

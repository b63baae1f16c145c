import type { AnyMethod } from '../../lib/methods/method.ts';
import { add, combine, dot, drive, filled, type Loss, type Problem, type Vector } from './drive.ts';

// Each method again, in a few lines of float64 written from its paper's formula and not from our code: the G of a step
// is that of `reference`, given the options, the problem and the streams' vectors.

type Options = Record<string, number>;
type Reference = (options: Options, problem: Problem, v: readonly Vector[]) => number[];

const mean = (values: Vector) => values.reduce((a, b) => a + b) / values.length;
const sampleStd = (values: Vector) =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));
const populationStd = (values: Vector) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
const scaled = (v: Vector, c: number) => v.map((value) => c * value);
const norm = (v: Vector) => Math.sqrt(dot(v, v));

/** (1/(εN)) Σ (lᵢ − l₀)uᵢ and std(lᵢ), FZOO's Eq. of the estimate. */
const oneSided = (f: Loss, x: Vector, u: readonly Vector[], epsilon: number) => {
  const l = u.map((ui) => f(add(x, epsilon, ui)));
  const g = scaled(
    combine(
      l.map((li) => li - f(x)),
      u,
    ),
    1 / (epsilon * u.length),
  );
  return { g, sigma: sampleStd(l) };
};

/** Aᵢ and Bᵢ of a pair, whose means have ∇F_t as the ratio of their expectations. */
const tiltedPairs = (f: Loss, x: Vector, v: readonly Vector[], rho: number, tilt: number) =>
  v.map((z) => {
    const [plus, minus] = [1, -1].map((sign) => Math.exp(tilt * f(add(x, sign * rho, z)))) as [number, number];
    return { A: scaled(z, (plus - minus) / (2 * tilt * rho)), B: (plus + minus) / 2 };
  });

/** Ā, B̄, and the covariances s_AB and s_BB with k − 1, of which the ratio estimators are made. */
const moments = (pairs: readonly { A: Vector; B: number }[]) => {
  const k = pairs.length;
  const [sum, Bs] = [
    (c: Vector) =>
      combine(
        c,
        pairs.map(({ A }) => A),
      ),
    pairs.map(({ B }) => B),
  ];
  const A = sum(Bs.map(() => 1 / k));
  const B = mean(Bs);
  return { k, A, B, sAB: sum(Bs.map((one) => (one - B) / (k - 1))), sBB: sampleStd(Bs) ** 2 };
};

const ratio = (
  estimator: string,
  of: (pairs: { A: Vector; B: number }[]) => number[],
): (typeof REFERENCES)[string] => ({
  options: { rho: 0.3, directions: 4, tilt: 2, estimator } as never,
  reference: ({ rho = 0, tilt = 0 }, { f, x }, v) => of(tiltedPairs(f, x, v, rho, tilt)),
});

export const REFERENCES: Record<string, { options: Options & { [text: string]: unknown }; reference: Reference }> = {
  mezo: {
    options: { rho: 0.1 },
    reference: ({ rho = 0 }, { f, x }, [z]) => scaled(z!, (f(add(x, rho, z!)) - f(add(x, -rho, z!))) / (2 * rho)),
  },
  nspsa: {
    options: { rho: 0.1, directions: 3 },
    reference: ({ rho = 0 }, { f, x }, v) =>
      scaled(
        combine(
          v.map((z) => (f(add(x, rho, z)) - f(add(x, -rho, z))) / (2 * rho)),
          v,
        ),
        1 / v.length,
      ),
  },
  zest: {
    options: { rho: 0.1, directions: 3, tilt: 2 },
    reference: ({ rho = 0, tilt = 0 }, { f, x }, v) => {
      const e = (z: Vector, sign: number) => Math.exp(tilt * f(add(x, sign * rho, z)));
      const numerator = combine(
        v.map((z) => (e(z, 1) - e(z, -1)) / (2 * tilt * rho)),
        v,
      );
      return scaled(numerator, 1 / v.reduce((sum, z) => sum + (e(z, 1) + e(z, -1)) / 2, 0));
    },
  },
  // Tin's, Beale's and Quenouille's, from sums of vectors.
  'zest, biasCorrected': ratio('biasCorrected', (pairs) => {
    const { k, A, B, sAB, sBB } = moments(pairs);
    return add(add(scaled(A, 1 / B), -sBB / (k * B ** 3), A), 1 / (k * B ** 2), sAB);
  }),
  'zest, beale': ratio('beale', (pairs) => {
    const { k, A, B, sAB, sBB } = moments(pairs);
    return scaled(add(A, 1 / (k * B), sAB), 1 / (B + sBB / (k * B)));
  }),
  'zest, jackknife': ratio('jackknife', (pairs) => {
    const of = (some: typeof pairs) => {
      const { A, B } = moments(some);
      return scaled(A, 1 / B);
    };
    const without = pairs.map((_, i) => of(pairs.filter((_, j) => j !== i)));
    const share = (pairs.length - 1) / pairs.length;
    return add(
      scaled(of(pairs), pairs.length),
      -share,
      combine(
        without.map(() => 1),
        without,
      ),
    );
  }),
  'zest, one-sided': {
    options: { rho: 0.3, directions: 4, tilt: 2, sides: 'one' } as never,
    reference: ({ rho = 0, tilt = 0 }, { f, x }, v) => {
      const weights = v.map((z) => Math.exp(tilt * f(add(x, rho, z))));
      const k = v.length;
      const p = weights.map((weight) => weight / (k * mean(weights)));
      return scaled(
        combine(
          p.map((share) => share - 1 / k),
          v,
        ),
        k / (k - 1) / (tilt * rho),
      );
    },
  },
  'zest, tau, in units of the spread': {
    options: { rho: 0.3, directions: 3, tilt: { tau: 1.5 }, normalize: 'sigma' } as never,
    reference: ({ rho = 0 }, { f, x }, v) => {
      const l = v.flatMap((z) => [f(add(x, rho, z)), f(add(x, -rho, z))]);
      const sigma = populationStd(l);
      const { A, B } = moments(tiltedPairs(f, x, v, rho, 1.5 / sigma));
      return scaled(A, rho / (sigma * B));
    },
  },
  fzoo: {
    options: { rho: 0.1, directions: 4 },
    reference: ({ rho = 0 }, { f, x }, u) => {
      const { g, sigma } = oneSided(f, x, u, rho);
      return scaled(g, rho / sigma);
    },
  },
  zosa: {
    options: { rho: 0.1, directions: 3, radius: 0.3 },
    reference: ({ rho = 0, radius = 0 }, { f, x }, u) => {
      const first = oneSided(f, x, u.slice(0, 3), rho);
      const second = oneSided(f, add(x, (radius * rho) / first.sigma, first.g), u.slice(3), rho);
      return scaled(second.g, rho / second.sigma);
    },
  },
  essam: {
    options: { rho: 0.1, directions: 4, ascentDirections: 3, radius: 0.3 },
    reference: ({ rho = 0, radius = 0 }, { f, x }, v) => {
      const z = (at: Vector, some: readonly Vector[]) => {
        const l = some.map((vi) => f(add(at, rho, vi)));
        return l.map((li) => (li - mean(l)) / populationStd(l));
      };
      const [first, second] = [v.slice(0, 3), v.slice(3)];
      const at = add(x, radius / 3, combine(z(x, first), first));
      return scaled(combine(z(at, second), second), 1 / 4);
    },
  },
  es: {
    options: { rho: 0.1, directions: 5 },
    reference: ({ rho = 0 }, { f, x }, v) => {
      const l = v.map((vi) => f(add(x, rho, vi)));
      const order = [...l].sort((a, b) => a - b);
      return scaled(
        combine(
          l.map((li) => order.indexOf(li) / (l.length - 1) - 0.5),
          v,
        ),
        1 / v.length,
      );
    },
  },
  'es, z-scores of pairs': {
    options: { rho: 0.1, directions: 3, sides: 'two', shaping: 'zScores' } as never,
    reference: ({ rho = 0 }, { f, x }, v) => {
      const l = v.flatMap((vi) => [f(add(x, rho, vi)), f(add(x, -rho, vi))]);
      const z = l.map((li) => (li - mean(l)) / populationStd(l));
      return scaled(
        combine(
          v.map((_, i) => z[2 * i]! - z[2 * i + 1]!),
          v,
        ),
        1 / l.length,
      );
    },
  },
  // Its first step, where the trace is one pair's, and its standard error as large.
  auto: {
    options: { rho: 0.1, directions: 3, totalSteps: 50, lowestLoss: -10 },
    reference: ({ rho = 0 }, { f, x }, v) => {
      const l = v.map((vi) => f(add(x, rho, vi)));
      const curvature = (l[0]! + f(add(x, -rho, v[0]!)) - 2 * f(x)) / rho ** 2;
      const trace = Math.max(0, curvature) + Math.abs(curvature);
      const rate = Math.sqrt((6 * 0.05 * (mean(l) + 10) * 3) / (50 * trace));
      const sigma = Math.hypot(...l.map((li) => li - mean(l))) / Math.sqrt(2);
      return scaled(
        combine(
          l.map((li) => li - mean(l)),
          v,
        ),
        rate / (3 * sigma),
      );
    },
  },
  hizoo: {
    options: { rho: 0.1, directions: 2 },
    // At the curvature 1, where u = v; test/methods/hizoo.test.ts goes on from there.
    reference: ({ rho = 0 }, { f, x }, v) =>
      scaled(
        combine(
          v.map((z) => (f(add(x, rho, z)) - f(add(x, -rho, z))) / (2 * rho)),
          v,
        ),
        1 / v.length,
      ),
  },
  conservative: {
    options: { rho: 0.1, learningRate: 0.05 },
    reference: ({ rho = 0, learningRate = 0 }, { f, x }, [z]) => {
      const g = scaled(z!, (f(add(x, rho, z!)) - f(add(x, -rho, z!))) / (2 * rho));
      const tries = [scaled(g, 1), scaled(g, -1), scaled(g, 0)];
      return tries.sort((a, b) => f(add(x, -learningRate, a)) - f(add(x, -learningRate, b)))[0]!;
    },
  },
  sabo: {
    options: { rho: 0.1, directions: 3, radius: 0.2 },
    reference: ({ rho: s = 0, radius = 0 }, { f, x }, v) => {
      const gradients = (at: Vector, scale: number, some: readonly Vector[]) => {
        const l = some.map((vi) => f(add(at, scale, vi)));
        const byMean = scaled(
          combine(
            l.map((li) => li - mean(l)),
            some,
          ),
          1 / (scale * (l.length - 1)),
        );
        return { byMean, weights: l.map((li) => (li - mean(l)) / (l.length - 1)), byScale: 2 * (mean(l) - f(at)) };
      };
      const d = x.length;
      const first = gradients(x, s, v.slice(0, 3));
      // Directions count as orthogonal, of length √d.
      const size = Math.sqrt((d * dot(first.weights, first.weights)) / 2 + first.byScale ** 2 / (4 * d));
      const at = add(x, (radius * s ** 2) / size, first.byMean);
      return gradients(at, s * Math.exp((radius * first.byScale) / (2 * d * size)), v.slice(3)).byMean;
    },
  },
  sam: {
    options: { radius: 0.3 },
    reference: ({ radius = 0 }, { gradient, x }) => {
      const g = gradient!(x);
      return gradient!(add(x, radius / norm(g), g));
    },
  },
  tsam: {
    options: { directions: 3, tilt: 2, radius: 0.3 },
    reference: ({ tilt = 0, radius = 0 }, { f, gradient, x }, v) => {
      const points = v.map((vi) => add(x, radius / Math.sqrt(x.length), vi));
      const weights = points.map((point) => Math.exp(tilt * f(point)));
      const total = weights.reduce((a, b) => a + b);
      return combine(
        weights.map((weight) => weight / total),
        points.map((point) => gradient!(point)),
      );
    },
  },
  'adazo-sam': {
    options: { directions: 2, rho: 0.1, radius: 0.3 },
    reference: ({ rho = 0, radius = 0 }, { f, gradient, x }, v) => {
      const c = v.map((z) => (f(add(x, rho, z)) - f(add(x, -rho, z))) / (2 * rho * v.length));
      return gradient!(add(x, radius / (norm(c) * Math.sqrt(x.length)), combine(c, v)));
    },
  },
};

/** A function without symmetries, near its valley. */
export const PROBLEM: Problem = {
  f: ([a = 0, b = 0, c = 0, d = 0]) => 0.3 * a * a + Math.cosh(b - 0.5) + 0.2 * a * c + 0.1 * c ** 4 + Math.sin(d) + a,
  gradient: ([a = 0, b = 0, c = 0, d = 0]) => [
    0.6 * a + 0.2 * c + 1,
    Math.sinh(b - 0.5),
    0.2 * a + 0.4 * c ** 3,
    Math.cos(d),
  ],
  x: [0.4, -0.3, 0.9, 0.2],
  v: (stream) => [0, 1, 2, 3].map((j) => Math.sin(7.3 * Number(stream) + 2.9 * j ** 2 + 1) * 1.5),
};

/** How far G of a method is from its reference, relative, over steps at several points. */
export const errorOf = (method: AnyMethod, name: string): number => {
  const { options, reference } = REFERENCES[name]!;
  let worst = 0;
  for (let step = 0; step < 4; step++) {
    const problem = { ...PROBLEM, x: PROBLEM.x.map((value, j) => value + 0.3 * Math.sin(5 * step + j)) };
    const { G } = drive(method, options, problem, { step });
    const count = method.streams(filled(method, options));
    const v = Array.from({ length: count }, (_, i) => PROBLEM.v(BigInt(step * count + i)));
    const expected = reference(options, problem, v);
    worst = Math.max(worst, norm(add(G, -1, expected)) / norm(expected));
  }
  return worst;
};

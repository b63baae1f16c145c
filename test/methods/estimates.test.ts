import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adazoSamMethod } from '../../lib/methods/adazo-sam.ts';
import { esMethod } from '../../lib/methods/es.ts';
import { coefficients } from '../../lib/methods/estimators.ts';
import { fzooMethod } from '../../lib/methods/fzoo.ts';
import { lozo } from '../../lib/methods/lozo.ts';
import { nspsa, nspsaMethod } from '../../lib/methods/nspsa.ts';
import { sabo, saboMethod } from '../../lib/methods/sabo.ts';
import { samMethod } from '../../lib/methods/sam.ts';
import { centredRanks, zScores } from '../../lib/methods/shaping.ts';
import { tsamMethod } from '../../lib/methods/tsam.ts';
import { zestMethod } from '../../lib/methods/zest.ts';
import { zosaMethod } from '../../lib/methods/zosa.ts';
import { blackBox } from '../../lib/objectives/black-box.ts';
import { noise } from '../../lib/objectives/noise.ts';
import { vectorObjective } from '../../lib/objectives/vector.ts';
import { add, dot, drive, type Problem, type Vector } from './drive.ts';

// What defines each method: the expectation of its estimate, and how it behaves where the answer is known.

/** f(x) = gᵀx + ½xᵀHx at 0, H diagonal, along Gaussian directions or those of the sphere of radius √d. */
const quadratic = (g: Vector, lambda: Vector, law: 'gaussian' | 'sphere' = 'gaussian'): Problem => {
  const d = g.length;
  return {
    f: (x) => x.reduce((sum, value, j) => sum + g[j]! * value + (lambda[j]! * value * value) / 2, 0),
    gradient: (x) => x.map((value, j) => g[j]! + lambda[j]! * value),
    x: g.map(() => 0),
    v: (stream) => {
      const z = [...noise({ seed: 11, stream, offset: 0, length: d })];
      const scale = law === 'sphere' ? Math.sqrt(d / dot(z, z)) : 1;
      return z.map((value) => scale * value);
    },
  };
};

/** Mean and standard error of each component over steps. */
const moments = (steps: number, estimate: (step: number) => Vector) => {
  const all = Array.from({ length: steps }, (_, step) => estimate(step));
  const mean = all[0]!.map((_, j) => all.reduce((sum, G) => sum + G[j]!, 0) / steps);
  const error = mean.map((centre, j) => Math.sqrt(all.reduce((sum, G) => sum + (G[j]! - centre) ** 2, 0)) / steps);
  return { mean, error };
};

const isWithin = (found: ReturnType<typeof moments>, expected: Vector): void => {
  for (const [j, value] of expected.entries()) {
    expect(Math.abs(found.mean[j]! - value)).toBeLessThan(5 * found.error[j]!);
    expect(found.error[j]!).toBeLessThan(0.1); // or the test would say nothing
  }
};

const G = [0.8, -0.5, 0.3];
const LAMBDA = [2, 1, -1];

describe('on a quadratic, an estimate of many directions is on average', () => {
  const [rho, tilt] = [0.3, 1.5];

  it.each([
    ['naive', 'two'],
    ['biasCorrected', 'two'],
    ['beale', 'two'],
    ['jackknife', 'two'],
    ['naive', 'one'],
  ])('∇F_t of ZEST, gᵢ/(1 − tρ²λᵢ): %s, sides %s', (estimator, sides) => {
    const options = { rho, tilt, estimator, sides, directions: 64 };
    const found = moments(200, (step) => drive(zestMethod, options, quadratic(G, LAMBDA), { step }).G);
    isWithin(
      found,
      G.map((g, j) => g / (1 - tilt * rho ** 2 * LAMBDA[j]!)),
    );
  });

  it.each([2, 3, 10])('∇f of n-SPSA on the sphere, at the scale of one coordinate, in %i dimensions', (d) => {
    const g = Array.from({ length: d }, (_, j) => 1 - 0.3 * j);
    const problem = quadratic(
      g,
      g.map((_, j) => j % 3),
      'sphere',
    );
    isWithin(
      moments(500, (step) => drive(nspsaMethod, { rho, directions: 16 }, problem, { step }).G),
      g,
    );
  });

  it.each([2, 3, 10])('∇F_t of TSAM on a sphere of that radius, in %i dimensions', (d) => {
    const g = Array.from({ length: d }, (_, j) => 1 - 0.3 * j);
    const problem = quadratic(
      g,
      g.map(() => 1),
      'sphere',
    );
    // The mean of ∇f over the sphere is g itself; and f differs there by gᵀε alone, |ε| = radius.
    isWithin(
      moments(500, (step) => drive(tsamMethod, { tilt: 0, radius: 0.4 }, problem, { step }).G),
      g,
    );
    const ascent = moments(
      400,
      (step) => drive(tsamMethod, { tilt: 3, radius: 0.4, directions: 64 }, problem, { step }).G,
    );
    const along = dot(ascent.mean, g) / dot(g, g) - 1; // E[p ε] is along g, of at most the radius
    expect(along).toBeGreaterThan(0.02);
    expect(along * Math.sqrt(dot(g, g))).toBeLessThan(0.4);
  });

  it('∇J of SABO, and its scale by log s is s²·tr H', () => {
    const problem = quadratic(G, LAMBDA);
    const options = { rho, radius: 1e-9, directions: 32, learningRate: 0.05 };
    isWithin(
      moments(200, (step) => drive(saboMethod, options, problem, { step }).G),
      G,
    );
    // A rate so small that no step comes to the most that the scale moves by.
    const slow = { ...options, learningRate: 1e-12 };
    const rates = moments(200, (step) => {
      const { scale } = drive(saboMethod, slow, problem, { step }).state as { scale: number };
      return [Math.log(scale / rho) / slow.learningRate];
    });
    const trace = LAMBDA.reduce((a, b) => a + b);
    expect(Math.abs(rates.mean[0]! + trace / (2 * 3))).toBeLessThan(5 * rates.error[0]! + 1e-3);
    expect(rates.error[0]!).toBeLessThan(trace / 30);
  });

  it('a scale of SABO that moves by a KL of radius² at most, whatever the losses say', async () => {
    const radius = 0.05;
    const bowl = vectorObjective(([x, y]) => 1e6 * (x! * x! + y! * y!), [1, 1]);
    const optimizer = sabo({ learningRate: 0.1, radius, seed: 1 });
    const scales = [1e-3];
    for (let step = 0; step < 5; step++) {
      await optimizer.step(bowl);
      scales.push(Number(optimizer.state().scale));
    }
    for (const [i, scale] of scales.slice(1).entries())
      expect(Math.abs(Math.log(scale / scales[i]!))).toBeLessThanOrEqual((radius / Math.sqrt(2)) * (1 + 1e-12));
  });
});

describe('along the directions of the engine', () => {
  it.each([2, 3, 10])('on the sphere of %i dimensions all are of length √d, and n-SPSA is ∇f', async (d) => {
    const g = Array.from({ length: d }, (_, j) => 1 - 0.3 * j);
    const objective = vectorObjective(
      (x) => dot([...x], g) + dot([...x], [...x]) / 2,
      g.map(() => 0),
      { directions: { seed: 3, law: 'sphere' } },
    );
    for (const stream of [0n, 7n]) {
      const v = [...(await objective.direction(stream))];
      expect(dot(v, v)).toBeCloseTo(d, 4);
    }
    const optimizer = nspsa({ learningRate: 1, rho: 0.3, directions: 16, law: 'sphere', seed: 3 });
    const steps: Vector[] = [];
    for (let step = 0; step < 300; step++) {
      objective.x.fill(0);
      await optimizer.step(objective);
      steps.push([...objective.x].map((value) => -value));
    }
    isWithin(
      moments(300, (step) => steps[step]!),
      g,
    );
  });

  it('LOZO, of low rank, is ∇f of a matrix', async () => {
    const [rows, columns] = [4, 3];
    const g = Array.from({ length: rows * columns }, (_, j) => Math.cos(1.3 * j));
    const box = blackBox({
      parameters: { w: [rows, columns] },
      evaluate: ({ w }: { w: Float32Array }) => dot([...w], g),
    });
    const optimizer = lozo({ learningRate: 1, rho: 0.1, directions: 16, law: { lowRank: 2 }, seed: 3 });
    const steps: Vector[] = [];
    let before = [...(await box.parameter('w'))];
    for (let step = 0; step < 300; step++) {
      await optimizer.step(box, undefined);
      const after = [...(await box.parameter('w'))];
      steps.push(before.map((value, j) => value - after[j]!));
      before = after;
    }
    const found = moments(300, (step) => steps[step]!);
    for (const [j, value] of g.entries()) {
      expect(Math.abs(found.mean[j]! - value)).toBeLessThan(5 * found.error[j]! + 1e-3);
      expect(found.error[j]!).toBeLessThan(0.15);
    }
  });
});

describe('the bias of a ratio estimator', () => {
  // Directions of two kinds: the number of the first among k is binomial, so that expectations are finite sums.
  const KINDS = [
    { v: 1, losses: [0.9, 0.2] },
    { v: 0.3, losses: [0.2, 0.1] },
  ] as const;
  const [share, tilt, rho] = [0.2, 0.5, 0.5];
  const exact = () => {
    const parts = KINDS.map(({ v, losses: [plus, minus] }, i) => {
      const weight = i === 0 ? share : 1 - share;
      const [a, b] = [Math.exp(tilt * plus), Math.exp(tilt * minus)];
      return [(weight * v * (a - b)) / (2 * tilt * rho), (weight * (a + b)) / 2] as const;
    });
    return (parts[0]![0] + parts[1]![0]) / (parts[0]![1] + parts[1]![1]);
  };
  const bias = (estimator: 'naive' | 'biasCorrected' | 'beale' | 'jackknife', k: number): number => {
    let sum = 0;
    let probability = (1 - share) ** k;
    for (let first = 0; first <= k; first++) {
      const kinds = Array.from({ length: k }, (_, i) => KINDS[i < first ? 0 : 1]!);
      const options = { rho, tilt, estimator, sides: 'two' } as const;
      const { coefficients: c } = coefficients(
        kinds.flatMap(({ losses }) => [...losses]),
        options,
      );
      sum += probability * kinds.reduce((total, { v }, i) => total + c[i]! * v, 0);
      probability *= ((k - first) / (first + 1)) * (share / (1 - share));
    }
    return Math.abs(sum - exact());
  };

  it.each([
    ['naive', 1],
    ['biasCorrected', 2],
    ['beale', 2],
    ['jackknife', 2],
  ] as const)('of %s falls as 1/k to the power of %i, from 2 to 64', (estimator, power) => {
    const biases = [2, 4, 8, 16, 32, 64].map((k) => bias(estimator, k));
    for (const [i, value] of biases.slice(1).entries()) {
      const slope = Math.log2(biases[i]! / value);
      expect(Math.abs(slope - power)).toBeLessThan(i < 2 ? 0.6 : 0.15);
    }
  });
});

describe('ZOSA', () => {
  // Rows of a Hadamard matrix, and their opposites: Σuuᵀ = mI and Σu = 0, so that estimates are exact.
  const ROWS = [
    [1, 1, 1, 1],
    [1, -1, 1, -1],
    [1, 1, -1, -1],
    [1, -1, -1, 1],
  ];
  const DESIGN = [...ROWS, ...ROWS.map((row) => row.map((value) => -value))];
  const problem = (g: Vector, lambda: Vector): Problem => ({
    ...quadratic(g, lambda),
    v: (stream) => DESIGN[Number(stream) % 8]!,
  });

  it('expands to ∇f + radius·√((m − 1)/m)·H∇f/‖∇f‖ over its own length: SAM', () => {
    const [g, lambda, rho, radius, m] = [[0.9, -0.4, 0.2, 0.6], [3, 1, 0.5, 2], 1e-3, 0.2, 8] as const;
    const { G } = drive(zosaMethod, { rho, radius, directions: m }, problem(g, lambda));
    const unit = 1 / Math.sqrt(dot(g, g));
    const ascended = g.map((value, j) => value + radius * Math.sqrt((m - 1) / m) * lambda[j]! * value * unit);
    // σ² = ρ²·m‖∇f‖²/(m − 1), and G = ρ∇f/σ there.
    const length = Math.sqrt(dot(ascended, ascended));
    for (const [j, value] of G.entries()) {
      expect(value).toBeCloseTo((ascended[j]! / length) * Math.sqrt((m - 1) / m), 5);
    }
    const sam = drive(samMethod, { radius: radius * Math.sqrt((m - 1) / m) }, problem(g, lambda)).G;
    expect(dot(sam, G) / Math.sqrt(dot(sam, sam) * dot(G, G))).toBeCloseTo(1, 8);
  });
});

describe('SABO', () => {
  it('looks at the worst case of a neighbourhood KL(p′ ‖ p) = radius², to second order', () => {
    // Directions that are orthogonal, as they count.
    const d = 4;
    const axes = (stream: bigint) => [0, 1, 2, 3].map((j) => (j === Number(stream) % 4 ? Math.sqrt(d) : 0));
    const points: Vector[] = [];
    const f = (x: Vector) => {
      points.push(x);
      return x.reduce((sum, value, j) => sum + (j + 1) * value + value * value, 0);
    };
    const [rho, radius] = [0.1, 1e-3];
    drive(saboMethod, { rho, radius, directions: 4 }, { f, x: [0, 0, 0, 0], v: axes });
    const moved = points[5]!;
    const scale = (points[6]![0]! - moved[0]!) / Math.sqrt(d);
    const ratio = (scale / rho) ** 2;
    const divergence = dot(moved, moved) / (2 * rho ** 2) + (d * (ratio - 1 - Math.log(ratio))) / 2;
    expect(divergence / radius ** 2).toBeCloseTo(1, 2);
    expect(scale).toBeGreaterThan(rho);
  });
});

describe('methods in units of the spread', () => {
  const f = ([a = 0, b = 0]: Vector) => a * a + 3 * b + a * b;
  const problem = (change: (loss: number) => number): Problem => ({
    ...quadratic([1, 1], [0, 0]),
    f: (x) => change(f(x)),
    x: [0.4, -1],
  });

  it.each([
    ['fzoo', fzooMethod],
    ['zosa', zosaMethod],
  ] as const)('%s takes the same step whatever the scale and the origin of the loss', (_, method) => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        fc.double({ min: -100, max: 100, noNaN: true }),
        (scale, origin) => {
          const options = { rho: 0.1, directions: 5 };
          const plain = drive(
            method,
            options,
            problem((loss) => loss),
          ).G;
          const changed = drive(
            method,
            options,
            problem((loss) => scale * loss + origin),
          ).G;
          for (const [j, value] of changed.entries()) expect(value).toBeCloseTo(plain[j]!, 5);
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each([
    ['fzoo', fzooMethod],
    ['zosa', zosaMethod],
    ['es', esMethod],
    ['sabo', saboMethod],
  ] as const)('%s takes no step where all losses are the same', (_, method) => {
    expect(
      drive(
        method,
        { rho: 0.1 },
        problem(() => 2),
      ).G.map(Math.abs),
    ).toEqual([0, 0]);
  });

  it('es by ranks takes the same step whatever keeps the order of the losses', () => {
    const options = { rho: 0.1, directions: 6 };
    const plain = drive(
      esMethod,
      options,
      problem((loss) => loss),
    ).G;
    expect(
      drive(
        esMethod,
        options,
        problem((loss) => Math.exp(3 * loss) - 7),
      ).G,
    ).toEqual(plain);
  });
});

describe('shapings', () => {
  const LOSSES = [3, 1, 2, 1, 3, 3];

  it('centred ranks share the mean rank among equals, from −½ to ½', () => {
    const ranks = [5, 1.5, 3, 1.5, 5, 5];
    expect(centredRanks(LOSSES)).toEqual(ranks.map((rank) => (rank - 1) / 5 - 0.5));
    expect(centredRanks([4, 4, 4])).toEqual([0, 0, 0]);
    // -0 and 0 are equals.
    const apart = fc.uniqueArray(fc.double({ noNaN: true }), {
      comparator: 'IsStrictlyEqual',
      minLength: 2,
      maxLength: 9,
    });
    fc.assert(
      fc.property(apart, (losses) => {
        const ranks = centredRanks(losses);
        expect(Math.min(...ranks)).toBe(-0.5);
        expect(Math.max(...ranks)).toBe(0.5);
        expect(ranks.reduce((a, b) => a + b)).toBeCloseTo(0, 12);
      }),
    );
  });

  it('z-scores are those of numpy, (a − a.mean())/a.std()', () => {
    const expected = [0.92847669, -1.29986737, -0.18569534, -1.29986737, 0.92847669, 0.92847669];
    for (const [i, z] of zScores(LOSSES).entries()) expect(z).toBeCloseTo(expected[i]!, 7);
  });
});

describe('AdaZo-SAM', () => {
  it('takes its gradient where its own estimate leads, at that radius', () => {
    const problem = quadratic([0.8, -0.5], [2, 1], 'sphere');
    const { G } = drive(adazoSamMethod, { rho: 1e-4, radius: 0.3 }, problem);
    const v = problem.v(0n);
    const up = Math.sign(dot(v, [0.8, -0.5])) * (0.3 / Math.sqrt(2));
    for (const [j, value] of problem.gradient!(add([0, 0], up, v)).entries()) expect(G[j]).toBeCloseTo(value, 8);
  });
});

import type { Tilt } from '../methods/estimators.ts';
import { zest } from '../methods/registry.ts';
import { estimateMean, mean } from '../numbers/statistics.ts';
import { dot } from '../numbers/vectors.ts';
import { vectorObjective } from '../objectives/vector.ts';
import { normals } from './directions.ts';
import { brief } from './figures.ts';
import type { Study } from './study.ts';

// A valley of minima: f = mean of ½(1 + 10x²)y² over pairs. It is 0 wherever y is, and there the curvature is 1 + 10x²
// over the pairs: what tells minima apart is their curvature alone, and x = 0 is the flattest. A batch adds a slope of its
// own to f, as batches do: it is what a perturbation meets where ∇f is 0, and sets the curvature share with ρ.

const PAIRS = 10;
const SHARPENING = 10;
const DIRECTIONS = 8;
/** The learning rate falls from phase to phase, and a schedule of tilts goes on. */
const PHASES = 8;
/** Standard deviation of a batch's slope along each coordinate. */
const SLOPE = 0.05;
const RATES = [0.1, 0.3, 1, 3, 10];
const CHOOSING_SEED = 1_000_003;

const pairs = (x: ArrayLike<number>, of: (x: number, y: number) => number): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i += 2) sum += of(x[i]!, x[i + 1]!);
  return sum / (x.length / 2);
};

export const valley = (x: ArrayLike<number>): number => pairs(x, (a, b) => ((1 + SHARPENING * a * a) * b * b) / 2);

/** tr H: 10y² + 1 + 10x² over pairs. */
export const valleyTrace = (x: ArrayLike<number>): number =>
  pairs(x, (a, b) => SHARPENING * b * b + 1 + SHARPENING * a * a);

/** The mean of f over Gaussian perturbations of ρ: both squares grow by ρ². */
export const valleyAround = (x: ArrayLike<number>, rho: number): number =>
  pairs(x, (a, b) => ((1 + SHARPENING * (a * a + rho * rho)) * (b * b + rho * rho)) / 2);

/** The tilt of a part of the run, from 0 to 1. */
type Rule = (done: number) => Tilt;

/** Fixed tilts are of the losses' scale at the start, and have a grid; the others have one value each. */
const RULES: Readonly<Record<string, Rule>> = {
  't = 0': () => 0,
  't = 1': () => 1,
  't = 10': () => 10,
  't = 100': () => 100,
  't = 1000': () => 1000,
  'tau 1': () => ({ tau: 1 }),
  'effectiveSampleSize 0.5': () => ({ effectiveSampleSize: 0.5 }),
  'klRadius 0.3': () => ({ klRadius: 0.3 }),
  'tau 0 to 2': (done) => ({ tau: 2 * done }),
  'tau 2 to 0': (done) => ({ tau: 2 * (1 - done) }),
};

const START = Float64Array.from({ length: 2 * PAIRS }, (_, i) => (i % 2 === 0 ? 1 : 0.5));

const run = async (rule: Rule, rho: number, rate: number, seed: number, steps: number) => {
  let batch: Float32Array = new Float32Array(START.length);
  const objective = vectorObjective((x) => valley(x) + SLOPE * dot(batch, x), START);
  const shares: number[] = [];
  for (let phase = 0; phase < PHASES; phase++) {
    const optimizer = zest({
      learningRate: rate * (1 - phase / PHASES),
      rho,
      directions: DIRECTIONS,
      tilt: rule(phase / (PHASES - 1)),
      seed: seed * PHASES + phase,
    });
    for (let step = 0; step < steps / PHASES; step++) {
      batch = normals(seed, 2 ** 44 + shares.length, START.length);
      const { diagnostics } = await optimizer.step(objective);
      shares.push(diagnostics.curvatureShare ?? Number.NaN);
      if (valley(objective.x) > 100) return undefined;
    }
  }
  const { x } = objective;
  const late = shares.slice(shares.length / 2).sort((a, b) => a - b);
  return { loss: valley(x), trace: valleyTrace(x), around: valleyAround(x, rho), share: late[late.length >> 1]! };
};

/** Open question 2. */
export const adaptiveTilt: Study = {
  title: 'Choosing the tilt',
  question:
    'Do tilts that follow the losses spare the grid of fixed ones, and from which curvature share on do they act?',
  async run({ seed, quick, turn }) {
    const radii = quick ? [0.01, 0.1] : [0.01, 0.03, 0.1, 0.2, 0.3];
    const steps = quick ? 160 : 800;
    const seeds = Array.from({ length: quick ? 2 : 10 }, (_, i) => 100 * seed + i);
    const names = Object.keys(RULES);
    const cells: { rho: number; name: string; rate: number; runs: NonNullable<Awaited<ReturnType<typeof run>>>[] }[] =
      [];
    for (const rho of radii) {
      for (const [name, rule] of Object.entries(RULES)) {
        let best = { rate: RATES[0]!, around: Number.POSITIVE_INFINITY };
        for (const rate of RATES) {
          const around = (await run(rule, rho, rate, CHOOSING_SEED, steps))?.around ?? Number.POSITIVE_INFINITY;
          if (around < best.around) best = { rate, around };
        }
        const runs = [];
        for (const one of seeds) {
          const outcome = await run(rule, rho, best.rate, one, steps);
          if (outcome) runs.push(outcome);
        }
        cells.push({ rho, name, rate: best.rate, runs });
        await turn(cells.length, radii.length * names.length);
      }
    }
    const cell = (rho: number, name: string) => cells.find((one) => one.rho === rho && one.name === name)!;
    const of = (rho: number, name: string, key: 'loss' | 'trace' | 'around' | 'share') =>
      mean(cell(rho, name).runs.map((one) => one[key]));
    const shareOf = (rho: number) => of(rho, 't = 0', 'share');
    const flattest = (rho: number) =>
      names.reduce((a, b) => (of(rho, b, 'trace') < of(rho, a, 'trace') ? b : a), 't = 0');
    const interval = (rho: number, name: string) => estimateMean(cell(rho, name).runs.map(({ trace }) => trace));
    return {
      settings: {
        loss: 'mean of ½(1 + 10x²)y² over pairs',
        pairs: PAIRS,
        start: 'x = 1, y = 0.5',
        directions: DIRECTIONS,
        slopeOfABatch: SLOPE,
        steps,
        phases: PHASES,
        rates: RATES,
        choosing: 'by the mean loss at ρ around the end',
        choosingSeed: CHOOSING_SEED,
        seeds,
        radii,
      },
      findings: radii.map((rho) => {
        const best = flattest(rho);
        return `ρ = ${rho} (curvature share ${brief(shareOf(rho))}): tr H at the end ${brief(of(rho, 't = 0', 'trace'))} without a tilt, ${brief(of(rho, 'tau 1', 'trace'))} with tau 1, least ${brief(of(rho, best, 'trace'))} with ${best}.`;
      }),
      tables: radii.map((rho) => ({
        caption: `ρ = ${rho}: means of ${seeds.length} seeds; tr H is ${brief(valleyTrace(START))} at the start and 1 at the flattest minimum`,
        columns: ['tilt', 'rate', 'runs', 'loss', 'tr H', '± half of 95 %', 'mean loss around'],
        rows: names.map((name) => {
          const { value, high } = interval(rho, name);
          return [
            name,
            cell(rho, name).rate,
            cell(rho, name).runs.length,
            of(rho, name, 'loss'),
            value,
            high - value,
            of(rho, name, 'around'),
          ];
        }),
      })),
      charts: (['trace', 'around'] as const).map((key) => ({
        id: key,
        title: key === 'trace' ? 'tr H at the end' : 'Mean loss around the end',
        words: 'Against how far perturbations go. The curvature share grows with it.',
        x: { label: 'ρ', log: true },
        y: { label: key === 'trace' ? 'tr H' : 'loss' },
        lines: names.map((name) => ({ name, x: radii, y: radii.map((rho) => of(rho, name, key)) })),
      })),
    };
  },
};

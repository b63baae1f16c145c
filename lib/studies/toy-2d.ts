import type { Optimizer } from '../methods/optimizer.ts';
import { mezo, nspsa, sam, tsam, zest, zosa } from '../methods/registry.ts';
import { mean } from '../numbers/statistics.ts';
import { vectorObjective } from '../objectives/vector.ts';
import { brief } from './figures.ts';
import type { Study, StudyContext } from './study.ts';

// The figure of the paper was not to be had. This is its setting as the paper's summary has it: a sharp and a flat
// minimum of one depth, perturbed about as far as the sharp one is wide.

const WELLS = [
  { x: -1, depth: 1, width: 0.35 },
  { x: 1.2, depth: 1, width: 1 },
] as const;
const BOWL = 0.02;
export const RHO = 0.4;
const TILTS = [0, 1, 5, 20] as const;
/** Where the trajectories begin: at rest in the sharp minimum, and on the slope that leads there. */
const STARTS = { stationary: [-1, 0.15], linear: [-1.6, 0.7] } as const;
const DIRECTIONS = 5;
const LEARNING_RATE = 0.1;
/** Between the two minima. */
const BORDER = 0;

type Place = readonly [x: number, y: number];

const well = ([x, y]: Place, { x: centre, depth, width }: (typeof WELLS)[number]): number =>
  -depth * Math.exp(-((x - centre) ** 2 + y ** 2) / (2 * width ** 2));

export const loss = (at: Place): number =>
  WELLS.reduce((sum, one) => sum + well(at, one), BOWL * (at[0] ** 2 + at[1] ** 2));

const gradient = (at: Place): [number, number] => {
  const found: [number, number] = [2 * BOWL * at[0], 2 * BOWL * at[1]];
  for (const one of WELLS) {
    const factor = -well(at, one) / one.width ** 2;
    found[0] += factor * (at[0] - one.x);
    found[1] += factor * at[1];
  }
  return found;
};

/** tr H. */
export const trace = (at: Place): number =>
  WELLS.reduce((sum, one) => {
    const { x, width } = one;
    const far = ((at[0] - x) ** 2 + at[1] ** 2) / width ** 2;
    return sum + (well(at, one) * (far - 2)) / width ** 2;
  }, 4 * BOWL);

/** Nodes and weights of the trapezium rule over N(0, I). */
const nodes = ((count, reach) => {
  const places = Array.from({ length: count }, (_, i) => -reach + (2 * reach * i) / (count - 1));
  const all = places.flatMap((a) => places.map((b) => ({ a, b, weight: Math.exp(-(a * a + b * b) / 2) })));
  const total = all.reduce((sum, { weight }) => sum + weight, 0);
  return all.map((node) => ({ ...node, weight: node.weight / total }));
})(29, 5);

/** F_t and its gradient, by quadrature. */
export const tilted = ([x, y]: Place, t: number): { value: number; gradient: [number, number] } => {
  const losses = nodes.map(({ a, b }) => loss([x + RHO * a, y + RHO * b]));
  const most = losses.reduce((a, b) => Math.max(a, b));
  let [sum, gx, gy] = [0, 0, 0];
  for (const [i, { a, b, weight }] of nodes.entries()) {
    const value = weight * (t === 0 ? losses[i]! : Math.exp(t * (losses[i]! - most)));
    sum += value;
    gx += a * value;
    gy += b * value;
  }
  if (t === 0) return { value: sum, gradient: [gx / RHO, gy / RHO] };
  return { value: most + Math.log(sum) / t, gradient: [gx / sum / (t * RHO), gy / sum / (t * RHO)] };
};

/** Follows −∇F_t. */
export const descend = (start: Place, t: number, steps: number): Place[] => {
  const path: Place[] = [start];
  for (let step = 0; step < steps; step++) {
    const [x, y] = path.at(-1)!;
    const [gx, gy] = tilted([x, y], t).gradient;
    path.push([x - LEARNING_RATE * gx, y - LEARNING_RATE * gy]);
  }
  return path;
};

type Make = (shared: { learningRate: number; seed: number; totalSteps: number; schedule: 'linear' }) => Optimizer;

const zests =
  (tilt: number | { tau: number }): Make =>
  (shared) =>
    zest({ ...shared, tilt, rho: RHO, directions: DIRECTIONS });
const radius = RHO * Math.SQRT2;

const METHODS: Readonly<Record<string, Make>> = {
  MeZO: (shared) => mezo({ ...shared, rho: RHO }),
  'n-SPSA, t = 0': (shared) => nspsa({ ...shared, rho: RHO, directions: DIRECTIONS }),
  'ZEST, t = 1': zests(1),
  'ZEST, t = 5': zests(5),
  'ZEST, t = 20': zests(20),
  'ZEST, τ = 1': zests({ tau: 1 }),
  'ZEST, τ = 3': zests({ tau: 3 }),
  // Its learning rate is a length.
  ZOSA: (shared) =>
    zosa({ ...shared, learningRate: 0.2 * shared.learningRate, rho: RHO, radius: RHO, directions: DIRECTIONS }),
  SAM: (shared) => sam({ ...shared, radius }),
  'TSAM, t = 20': (shared) => tsam({ ...shared, radius, tilt: 20, directions: DIRECTIONS }),
};

/** Those that are drawn: of one kind the first that leaves. */
const DRAWN = ['n-SPSA, t = 0', 'ZEST, t = 5', 'ZEST, τ = 1', 'ZOSA', 'SAM', 'TSAM, t = 20'];

const trajectory = async (make: Make, start: Place, steps: number, seed: number): Promise<Place[]> => {
  const at = ([x = 0, y = 0]: ArrayLike<number> & Iterable<number>): Place => [x, y];
  const objective = vectorObjective((x) => loss(at(x)), [...start], { gradient: (x) => gradient(at(x)) });
  const optimizer = make({ learningRate: LEARNING_RATE, seed, totalSteps: steps, schedule: 'linear' });
  const path: Place[] = [start];
  for (let step = 0; step < steps; step++) {
    await optimizer.step(objective);
    path.push(at(objective.x));
  }
  return path;
};

const grid = (low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));

/** Some of a path's places, its last among them. */
const thinned = (path: readonly Place[]): { x: number[]; y: number[] } => {
  const every = Math.max(1, Math.floor(path.length / 150));
  const kept = path.filter((_, i) => i % every === 0 || i === path.length - 1);
  return { x: kept.map(([x]) => x), y: kept.map(([, y]) => y) };
};

const isFlat = (at: Place | undefined): boolean => at![0] > BORDER;

/** Runs of every method, from both starts. */
const runs = async (steps: number, seeds: readonly number[], { turn }: StudyContext) => {
  const found: { start: keyof typeof STARTS; method: string; paths: Place[][] }[] = [];
  const names = Object.keys(STARTS) as (keyof typeof STARTS)[];
  const total = names.length * Object.keys(METHODS).length;
  for (const start of names) {
    for (const [method, make] of Object.entries(METHODS)) {
      const paths: Place[][] = [];
      for (const seed of seeds) paths.push(await trajectory(make, STARTS[start], steps, seed));
      found.push({ start, method, paths });
      await turn(found.length, total);
    }
  }
  return found;
};

/** The paper's Fig. 1. */
export const toy2d: Study = {
  title: 'A sharp and a flat minimum',
  question: 'Does a tilt lead out of a sharp minimum into a flat one, and which methods do?',
  async run(context) {
    const { seed, quick } = context;
    const steps = quick ? 500 : 1000;
    const seeds = Array.from({ length: quick ? 2 : 10 }, (_, i) => seed * 1000 + i);
    const surface = { x: grid(-2.6, 2.8, 55), y: grid(-1.6, 1.6, 33) };
    const z = surface.y.map((y) => surface.x.map((x) => loss([x, y])));
    const flows = TILTS.map((t) => ({ t, path: descend(STARTS.stationary, t, quick ? 200 : 600) }));
    const ran = await runs(steps, seeds, context);

    const profile = grid(-2.6, 2.8, 109);
    const ends = ran.map(({ start, method, paths }) => {
      const last = paths.map((path) => path.at(-1)!);
      const flat = last.filter(isFlat).length;
      const about = last.map((at) => tilted(at, 0).value - loss(at));
      return { start, method, flat, loss: mean(last.map(loss)), trace: mean(last.map(trace)), about: mean(about) };
    });
    const endOf = (start: string, method: string) => ends.find((one) => one.start === start && one.method === method)!;
    const left = (start: string) =>
      Object.keys(METHODS)
        .map((method) => `${method}: ${endOf(start, method).flat}`)
        .join('; ');
    const [stays, leaves] = [
      flows.filter(({ path }) => !isFlat(path.at(-1))),
      flows.filter(({ path }) => isFlat(path.at(-1))),
    ];
    const tiltsOf = (some: typeof flows) => some.map(({ t }) => t).join(', ') || 'none';
    const axes = {
      x: { label: 'x', values: surface.x },
      y: { label: 'y', values: surface.y },
      z: { label: 'loss', values: z },
    };

    return {
      settings: {
        wells: WELLS,
        bowl: BOWL,
        rho: RHO,
        directions: DIRECTIONS,
        learningRate: LEARNING_RATE,
        schedule: 'linear',
        steps,
        seeds,
        starts: STARTS,
        radiusOfSamAndTsam: radius,
        radiusOfZosa: RHO,
      },
      findings: [
        `The exact F_t, at ρ = ${RHO}, has a minimum near the sharp one for t = ${tiltsOf(stays)}; for t = ${tiltsOf(leaves)} it has none there, and its descent from (${STARTS.stationary.join(', ')}) ends in the flat one.`,
        `Of ${seeds.length} runs from the sharp minimum, so many end in the flat one: ${left('stationary')}.`,
        `Of ${seeds.length} runs from the slope above it: ${left('linear')}.`,
        `tr H is ${brief(trace([-0.97, 0]))} at the sharp minimum and ${brief(trace([1.18, 0]))} at the flat one.`,
      ],
      tables: [
        {
          caption: 'Where the descent of the exact F_t ends, from the sharp minimum',
          columns: ['t', 'x', 'y', 'loss', 'tr H'],
          rows: flows.map(({ t, path }) => [String(t), ...path.at(-1)!, loss(path.at(-1)!), trace(path.at(-1)!)]),
        },
        ...Object.keys(STARTS).map((start) => ({
          caption: `Ends of ${seeds.length} runs, start ${start}; increase is the mean loss at ρ around, less the loss`,
          columns: ['method', 'in the flat minimum', 'loss', 'tr H', 'increase'],
          rows: Object.keys(METHODS).map((method) => {
            const { flat, loss, trace, about } = endOf(start, method);
            return [method, flat, loss, trace, about];
          }),
        })),
      ],
      surfaces: [
        {
          id: 'flows',
          title: 'Descent of the exact F_t',
          words: 'From the sharp minimum; the dot is where it ends.',
          ...axes,
          paths: flows.map(({ t, path }) => ({ name: `t = ${t}`, ...thinned(path) })),
        },
        ...(Object.keys(STARTS) as (keyof typeof STARTS)[]).map((start) => ({
          id: `paths-${start}`,
          title: `Trajectories, start ${start}`,
          words: `Of one seed, ${steps} steps.`,
          ...axes,
          paths: DRAWN.map((method) => ({
            name: method,
            ...thinned(ran.find((one) => one.start === start && one.method === method)!.paths[0]!),
          })),
        })),
      ],
      charts: [
        {
          id: 'profile',
          title: 'F_t between the minima',
          words: 'Along y = 0: the more tilt, the less is left of the sharp minimum.',
          x: { label: 'x' },
          y: { label: 'loss' },
          lines: [
            { name: 'f', x: profile, y: profile.map((x) => loss([x, 0])) },
            ...TILTS.map((t) => ({
              name: `F_t, t = ${t}`,
              x: profile,
              y: profile.map((x) => tilted([x, 0], t).value),
            })),
          ],
        },
        {
          id: 'curvature',
          title: 'tr H on the way',
          words: 'From the sharp minimum, mean over the seeds.',
          x: { label: 'step' },
          y: { label: 'tr H' },
          lines: DRAWN.map((method) => {
            const { paths } = ran.find((one) => one.start === 'stationary' && one.method === method)!;
            const x = Array.from({ length: 51 }, (_, i) => Math.round((i * steps) / 50));
            return { name: method, x, y: x.map((step) => mean(paths.map((path) => trace(path[step]!)))) };
          }),
        },
      ],
    };
  },
};

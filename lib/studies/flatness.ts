import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Optimizer } from '../methods/optimizer.ts';
import { mezo, nspsa, zest, zosa } from '../methods/registry.ts';
import { BUILT_IN_MODEL } from '../model/built-in.ts';
import { Model } from '../model/model.ts';
import { estimateMean, mean } from '../numbers/statistics.ts';
import { hessianTrace } from '../sharpness/curvature.ts';
import { topEigenvalues } from '../sharpness/eigenvalues.ts';
import { measuredAlong } from '../sharpness/measured-along.ts';
import { neighbourhood } from '../sharpness/neighbourhood.ts';
import { brief } from './figures.ts';
import type { Study, StudyContext } from './study.ts';
import { BATCH_SIZE, loadWords, SEEDS, seedsOf, trainOn, type Words } from './words.ts';

// What the methods reach on held-out words beside how sharp the minimum is where they end, with the built-in model.

/** Of the training words, those at whose loss is looked. */
const MEASURED = 64;
/** Eigenvalues are of so few parameters alone. */
const BIAS = ['*.layer.3.output.dense.bias'];
const RADII = [1e-3, 2e-3, 5e-3];

/** Of each run: forwards, directions of the measures, and what the eigenvalues take most of the time for. */
const USUAL = { forwards: 1000, samples: 16, words: 4, iterations: 5 };
const QUICK = { forwards: 20, samples: 2, words: 1, iterations: 1 };
type Effort = typeof USUAL;

interface Shared {
  seed: number;
  totalSteps: number;
  schedule: 'linear';
}

/** Learning rates that docs/results.md chose on these words; ZOSA's is FZOO's, which is a length as well. */
const METHODS: Readonly<Record<string, (shared: Shared) => Optimizer>> = {
  MeZO: (shared) => mezo({ ...shared, learningRate: 3e-5 }),
  'n-SPSA, k = 5': (shared) => nspsa({ ...shared, learningRate: 3e-4 }),
  'ZEST, t = 1': (shared) => zest({ ...shared, learningRate: 3e-4 }),
  'ZEST, τ = 1': (shared) => zest({ ...shared, learningRate: 3e-4, tilt: { tau: 1 } }),
  'FZOO-normalised': (shared) =>
    zest({
      ...shared,
      learningRate: 3e-3,
      directions: 10,
      tilt: 0,
      sides: 'one',
      law: 'rademacher',
      normalize: 'sigma',
    }),
  ZOSA: (shared) => zosa({ ...shared, learningRate: 3e-3 }),
};

interface Measured {
  accuracy: number;
  loss: number;
  /** Mean loss around, by radius. */
  around: number[];
  trace: number;
  eigenvalue: number;
}

const train = (model: Model, words: Words, name: string, seed: number, forwards: number) => {
  const make = (totalSteps: number) => METHODS[name]!({ seed, totalSteps, schedule: 'linear' });
  const steps = Math.floor(forwards / make(1).forwards);
  return trainOn(model, words, make(steps), { seed, steps });
};

/** The largest eigenvalue of the Hessian of one bias. */
const largestEigenvalue = async (
  model: Model,
  { task, train }: Words,
  seed: number,
  { words, iterations }: Effort,
): Promise<number> => {
  const folder = await mkdtemp(join(tmpdir(), 'zest-flatness-'));
  try {
    await model.save(folder);
    const part = await Model.load(folder, { device: 'cpu', trainable: { include: BIAS } });
    try {
      const of = measuredAlong(part, { seed, law: 'gaussian' });
      const { eigenvalues } = await topEigenvalues(of, task.batch(train.slice(0, words)), { iterations });
      return eigenvalues[0]!.value;
    } finally {
      part.dispose();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const measure = async (model: Model, words: Words, seed: number, effort: Effort): Promise<Measured> => {
  const { task, train, heldOut } = words;
  const { samples } = effort;
  const answers = await task.classify(model, heldOut);
  const batch = task.batch(train.slice(0, MEASURED));
  const { loss, radii } = await neighbourhood(measuredAlong(model, { seed, law: 'gaussian' }), batch, {
    radii: RADII,
    samples,
  });
  const trace = await hessianTrace(measuredAlong(model, { seed, law: 'rademacher' }), batch, { samples });
  return {
    accuracy: mean(answers.map(({ label }, i) => (label === heldOut[i]!.label ? 1 : 0))),
    loss,
    around: radii.map(({ mean }) => mean?.value ?? Number.NaN),
    trace: trace.value,
    eigenvalue: await largestEigenvalue(model, words, seed, effort),
  };
};

const run = async ({ seed, quick, size, turn }: StudyContext) => {
  const words = await loadWords();
  const effort = quick ? QUICK : USUAL;
  const seeds = seedsOf({ seed, size });
  const names = quick ? ['MeZO', 'ZEST, τ = 1'] : Object.keys(METHODS);
  const total = names.length * seeds.length + 1;
  let done = 0;
  const of = async (name: string | undefined, one: number): Promise<Measured> => {
    const model = await Model.load(BUILT_IN_MODEL, { device: 'cpu' });
    try {
      if (name !== undefined) await train(model, words, name, one, effort.forwards);
      // Along the same directions for all, so that they are compared with little noise.
      return await measure(model, words, seed, effort);
    } finally {
      model.dispose();
      await turn(++done, total);
    }
  };
  const before = await of(undefined, 0);
  const after: { name: string; runs: Measured[] }[] = [];
  for (const name of names) {
    const runs: Measured[] = [];
    for (const one of seeds) runs.push(await of(name, one));
    after.push({ name, runs });
  }
  return { before, after, seeds, effort };
};

/** The seed's third question: is what is flatter better? */
export const flatness: Study = {
  title: 'Accuracy and sharpness',
  question: 'Do the methods that end in flatter minima do better on held-out words?',
  size: SEEDS,
  async run(context) {
    const { before, after, seeds, effort } = await run(context);
    const { forwards, samples } = effort;
    const rowOf = (name: string, runs: readonly Measured[]): (string | number)[] => {
      const of = (value: (one: Measured) => number) => mean(runs.map(value));
      return [
        name,
        of(({ accuracy }) => 100 * accuracy),
        of(({ loss }) => loss),
        ...RADII.map((_, i) => of(({ around, loss }) => 1000 * (around[i]! - loss))),
        of(({ trace }) => trace),
        of(({ eigenvalue }) => eigenvalue),
      ];
    };
    const rows = after.map(({ name, runs }) => rowOf(name, runs));
    const list = (column: number): string =>
      [...rows]
        .sort((a, b) => (a[column] as number) - (b[column] as number))
        .map((row) => `${row[0]} ${brief(row[column] as number)}`)
        .join('; ');
    const increase = 2 + RADII.length;
    return {
      settings: {
        model: BUILT_IN_MODEL,
        words: 'AFINN-165, as the demo has them',
        trainable: 'all',
        batchSize: BATCH_SIZE,
        forwards,
        schedule: 'linear',
        seeds,
        measuredOn: `${MEASURED} training words`,
        radii: RADII,
        samples,
        eigenvalueOf: BIAS,
        eigenvalueOn: `${effort.words} training words`,
        iterations: effort.iterations,
      },
      findings: [
        `Accuracy on held-out words in per cent, from the least: ${list(1)}.`,
        `Increase of the loss at ρ = ${RADII.at(-1)} around, in thousandths, from the least: ${list(increase)}.`,
        `tr H, from the least: ${list(increase + 1)}; before training ${brief(before.trace)}.`,
        `The largest eigenvalue over one bias, from the least: ${list(increase + 2)}; before ${brief(before.eigenvalue)}.`,
      ],
      tables: [
        {
          caption: `After ${forwards.toLocaleString('en-US')} forwards, mean of ${seeds.length} seed${seeds.length === 1 ? '' : 's'}; increases of the loss in thousandths`,
          columns: [
            'method',
            'accuracy, %',
            'loss',
            ...RADII.map((radius) => `increase at ρ = ${radius}`),
            'tr H',
            'λ, largest',
          ],
          rows: [rowOf('before', [before]), ...rows],
        },
        {
          caption: 'Each run',
          columns: ['method', 'seed', 'accuracy, %', 'loss', 'tr H', 'λ, largest'],
          rows: after.flatMap(({ name, runs }) =>
            runs.map(({ accuracy, loss, trace, eigenvalue }, i) => [
              name,
              seeds[i]!,
              100 * accuracy,
              loss,
              trace,
              eigenvalue,
            ]),
          ),
        },
      ],
      charts: [
        {
          id: 'around',
          title: 'Mean loss around the weights',
          words: 'Of the training words that are measured; at 0 the loss itself.',
          x: { label: 'ρ' },
          y: { label: 'loss' },
          lines: after.map(({ name, runs }) => {
            const values = [0, ...RADII].map((_, i) =>
              runs.map(({ loss, around }) => (i === 0 ? loss : around[i - 1]!)),
            );
            const estimates = values.map((list) => estimateMean(list));
            return {
              name,
              x: [0, ...RADII],
              y: estimates.map(({ value }) => value),
              ...(seeds.length > 1 && {
                low: estimates.map(({ low }) => low),
                high: estimates.map(({ high }) => high),
              }),
            };
          }),
        },
        ...(
          [
            ['trace', 'tr H', ({ trace }: Measured) => trace],
            ['eigenvalue', 'Largest eigenvalue over one bias', ({ eigenvalue }: Measured) => eigenvalue],
          ] as const
        ).map(([id, title, of]) => ({
          id,
          title: `Accuracy against ${title}`,
          words: 'A point for each run, joined by method: what is flatter is further left.',
          x: { label: title },
          y: { label: 'accuracy, %' },
          lines: after.map(({ name, runs }) => {
            const sorted = [...runs].sort((a, b) => of(a) - of(b));
            return { name, x: sorted.map(of), y: sorted.map(({ accuracy }) => 100 * accuracy) };
          }),
        })),
      ],
    };
  },
};

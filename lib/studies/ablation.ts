import { withLabelNoise } from '../data/sampling.ts';
import { nspsa, zest } from '../methods/registry.ts';
import { BUILT_IN_MODEL } from '../model/built-in.ts';
import { Model } from '../model/model.ts';
import { mean, median } from '../numbers/statistics.ts';
import { brief, lineOf } from './figures.ts';
import type { Study, StudyContext } from './study.ts';
import { BATCH_SIZE, loadWords, SEEDS, seedsOf, trainOn, type Words } from './words.ts';

// The paper's sweep of t at k = 5, on the demo's words, with labels as people gave them and with some drawn at random.

const DIRECTIONS = 5;
const RHO = 1e-3;

const TILTS: readonly { name: string; tilt: number | { tau: number } }[] = [
  ...[0, 0.1, 1, 5, 10].map((tilt) => ({ name: `t = ${tilt}`, tilt })),
  { name: 'τ = 1', tilt: { tau: 1 } },
];

/** The rate that docs/results.md chose for five directions on these words. */
const LEARNING_RATE = 3e-4;

const USUAL = { forwards: 1000, tilts: TILTS, rates: [1e-4, LEARNING_RATE, 1e-3, 3e-3, 1e-2], noises: [0, 0.4] };
const QUICK = { forwards: 20, tilts: TILTS.slice(-2), rates: [LEARNING_RATE, 1e-2], noises: [0.4] };

/** A run, and what it came to on held-out words; both NaN where its weights were ruined. */
interface Ran {
  name: string;
  noise: number;
  learningRate: number;
  seed: number;
  /** Median over the steps; NaN of t = 0, which has none. */
  tau: number;
  accuracy: number;
  loss: number;
}

type Setting = Pick<Ran, 'name' | 'noise' | 'learningRate' | 'seed'>;

const noisy = (train: Words['train'], share: number, seed: number): Words['train'] => {
  const labels = train.map(({ label }) => label);
  const drawn = withLabelNoise(labels, { classes: 2, share, seed });
  return train.map((word, i) => ({ ...word, label: drawn[i]! }));
};

const runOf = async (words: Words, setting: Setting, forwards: number): Promise<Ran> => {
  const { name, noise, learningRate, seed } = setting;
  const { tilt } = TILTS.find((one) => one.name === name)!;
  const steps = Math.floor(forwards / (2 * DIRECTIONS));
  const shared = {
    learningRate,
    directions: DIRECTIONS,
    rho: RHO,
    seed,
    totalSteps: steps,
    schedule: 'linear',
  } as const;
  const optimizer = tilt === 0 ? nspsa(shared) : zest({ ...shared, tilt });
  const model = await Model.load(BUILT_IN_MODEL, { device: 'cpu' });
  try {
    const data = { task: words.task, train: noisy(words.train, noise, seed) };
    const taken = await trainOn(model, data, optimizer, { seed, steps });
    const { accuracy, loss } = await words.task.score(model, words.heldOut);
    const tau = tilt === 0 ? Number.NaN : median(taken.map(({ diagnostics }) => Number(diagnostics.tau)));
    return { ...setting, tau, accuracy: accuracy!, loss };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_ZEST_LOSS_NOT_FINITE') throw error;
    return { ...setting, tau: Number.NaN, accuracy: Number.NaN, loss: Number.NaN };
  } finally {
    model.dispose();
  }
};

const settings = (seeds: readonly number[], { tilts, rates, noises }: typeof USUAL): Setting[] =>
  noises.flatMap((noise) =>
    tilts.flatMap(({ name }) =>
      rates.flatMap((learningRate) =>
        // The range of rates is looked at with one seed.
        (learningRate === LEARNING_RATE ? seeds : seeds.slice(0, 1)).map((seed) => ({
          name,
          noise,
          learningRate,
          seed,
        })),
      ),
    ),
  );

const run = async ({ seed, quick, size, turn }: StudyContext) => {
  const effort = quick ? QUICK : USUAL;
  const seeds = seedsOf({ seed, size });
  const words = await loadWords();
  const all = settings(seeds, effort);
  const runs: Ran[] = [];
  for (const setting of all) {
    runs.push(await runOf(words, setting, effort.forwards));
    await turn(runs.length, all.length);
  }
  const model = await Model.load(BUILT_IN_MODEL, { device: 'cpu' });
  const before = await words.task.score(model, words.heldOut).finally(() => model.dispose());
  return { before, runs, seeds, effort };
};

const labelsOf = (noise: number): string =>
  noise === 0 ? 'labels as they are' : `${100 * noise} % of the labels drawn at random`;

/** The seed's second experiment: does a t of 0 to 10 change anything, and how large may the learning rate be? */
export const ablation: Study = {
  title: 'The ablation over t',
  question: 'With five directions, does t from 0 to 10 change what is learned, with clean and with noisy labels?',
  size: SEEDS,
  async run(context) {
    const { before, runs, seeds, effort } = await run(context);
    const { forwards, tilts, rates, noises } = effort;
    const names = tilts.map(({ name }) => name);
    const fixed = tilts.filter(({ tilt }) => typeof tilt === 'number').map(({ name }) => name);
    const of = (name: string, noise: number, learningRate: number) =>
      runs.filter((one) => one.name === name && one.noise === noise && one.learningRate === learningRate);
    const chosen = (name: string, noise: number) => of(name, noise, LEARNING_RATE);
    const accuracies = (name: string, noise: number) => chosen(name, noise).map(({ accuracy }) => 100 * accuracy);
    const lossAt = (name: string, noise: number, rate: number): number => of(name, noise, rate)[0]!.loss;
    const spread = (noise: number): number => {
      const bySeed = seeds.map((_, i) => fixed.map((name) => accuracies(name, noise)[i]!));
      return Math.max(...bySeed.map((values) => Math.max(...values) - Math.min(...values)));
    };
    const mostRate = (name: string, noise: number): number =>
      Math.max(...rates.filter((rate) => lossAt(name, noise, rate) < before.loss));
    const rateOf = (rate: number): string => (Number.isFinite(rate) ? String(rate) : 'none that was tried');
    return {
      settings: {
        model: BUILT_IN_MODEL,
        words: 'AFINN-165, as the demo has them',
        trainable: 'all',
        batchSize: BATCH_SIZE,
        directions: DIRECTIONS,
        rho: RHO,
        forwards,
        schedule: 'linear',
        learningRate: LEARNING_RATE,
        rates,
        seeds,
        noises,
        before: { accuracy: before.accuracy, loss: before.loss },
      },
      findings: noises.flatMap((noise) => [
        `With ${labelsOf(noise)}, ${fixed.join(', ')} end at most ${brief(spread(noise))} points of held-out accuracy apart, seed by seed; τ = 1 at ${brief(mean(accuracies('τ = 1', noise)))} %, ${fixed.at(-1)} at ${brief(mean(accuracies(fixed.at(-1)!, noise)))} %.`,
        `The largest learning rate that left a loss below that before training: ${names.map((name) => `${name}: ${rateOf(mostRate(name, noise))}`).join('; ')}.`,
      ]),
      tables: noises.flatMap((noise) => [
        {
          caption: `With ${labelsOf(noise)}, learning rate ${LEARNING_RATE}: after ${forwards.toLocaleString('en-US')} forwards, mean of ${seeds.length} seed${seeds.length === 1 ? '' : 's'}`,
          columns: ['tilt', 'τ, median', 'accuracy, %', 'loss', ...seeds.map((seed) => `accuracy of seed ${seed}`)],
          rows: names.map((name) => [
            name,
            mean(chosen(name, noise).map(({ tau }) => (name === 't = 0' ? 0 : tau))),
            mean(accuracies(name, noise)),
            mean(chosen(name, noise).map(({ loss }) => loss)),
            ...accuracies(name, noise),
          ]),
        },
        {
          caption: `With ${labelsOf(noise)}: held-out loss of seed ${seeds[0]} by learning rate; before training ${brief(before.loss)}`,
          columns: ['tilt', ...rates.map(String)],
          rows: names.map((name) => [name, ...rates.map((rate) => lossAt(name, noise, rate))]),
        },
      ]),
      charts: [
        ...noises.map((noise) => ({
          id: `rates-${100 * noise}`,
          title: `Learning rates, ${labelsOf(noise)}`,
          words: 'Held-out loss of one seed at the end; a gap where the weights were ruined.',
          x: { label: 'learning rate', log: true },
          y: { label: 'loss', log: true },
          lines: names.map((name) => ({ name, x: rates, y: rates.map((rate) => lossAt(name, noise, rate)) })),
        })),
        {
          id: 'tau',
          title: 'Accuracy against the tilt that a t amounts to',
          words: 'On held-out words, the mean over seeds with its 95 % interval where there are several.',
          x: { label: 'τ = t·σ, median over the steps', log: true },
          y: { label: 'accuracy, %' },
          lines: noises.map((noise) => {
            const tilted = names.filter((name) => name !== 't = 0');
            const taus = tilted.map((name) => mean(chosen(name, noise).map(({ tau }) => tau)));
            const line = lineOf(
              labelsOf(noise),
              taus,
              tilted.map((name) => accuracies(name, noise)),
            );
            return seeds.length > 1 ? line : { name: line.name, x: line.x, y: line.y };
          }),
        },
      ],
    };
  },
};

import { shuffledBatches } from '../data/sampling.ts';
import type { Optimizer } from '../methods/optimizer.ts';
import { auto, mezo, zest } from '../methods/registry.ts';
import { BUILT_IN_MODEL } from '../model/built-in.ts';
import { Model } from '../model/model.ts';
import type { Classification } from '../tasks/classification.ts';
import type { LoadedTask } from '../tasks/kinds.ts';
import { loadTask } from '../tasks/load.ts';
import { Tokenizer } from '../tasks/tokenizer.ts';
import { RATED_WORDS, type RatedWord, ratedWords } from './words.ts';

export const BATCH_SIZE = 32;
/** Forward passes of a batch that each run may take. */
export const FORWARDS = 600;
export const SEEDS = [1, 2];

interface Method {
  name: string;
  optimizer(options: { schedule: 'linear'; totalSteps: number; seed: number }): Optimizer;
}

export const METHODS: readonly Method[] = [
  {
    name: 'MeZO',
    optimizer: (options) => mezo({ learningRate: 5e-5, ...options }),
  },
  {
    name: 'ZEST',
    optimizer: (options) => zest({ directions: 5, tilt: { tau: 1 }, learningRate: 2e-4, ...options }),
  },
  {
    // Without a learning rate: it measures one.
    name: 'auto',
    optimizer: (options) => auto(options),
  },
];

/** What the demo trains and tests on. */
export interface Demo {
  task: LoadedTask;
  train: readonly RatedWord[];
  heldOut: readonly RatedWord[];
}

export const loadDemo = async (): Promise<Demo> => ({
  task: await loadTask(RATED_WORDS, await Tokenizer.load(BUILT_IN_MODEL)),
  ...(await ratedWords()),
});

/** What one run did. */
export interface DemoRun {
  method: string;
  seed: number;
  /** Accuracy on the held-out words. */
  before: number;
  after: number;
  steps: number;
  /** Forward passes of a batch in training, counted by the engine. */
  forwards: number;
  /** Loading and evaluation included. */
  seconds: number;
}

/** Answers of the model before a run and after it. */
export interface DemoAnswers {
  /** Labels of the held-out words, in their order. */
  words: number[];
  /** Answers to lines of one's own. */
  own: Classification[];
}

export interface DemoRunOptions {
  signal: AbortSignal;
  /** Words or lines of one's own to answer before and after. */
  own: readonly string[];
  onStep(step: number, steps: number, meanLoss: number): void;
}

/** Fine-tunes the model as it comes, and scores it on the held-out words before and after. */
export const runDemo = async (
  { task, train, heldOut }: Demo,
  method: Method,
  seed: number,
  { signal, own, onStep }: DemoRunOptions,
): Promise<{ run: DemoRun; before: DemoAnswers; after: DemoAnswers }> => {
  const began = performance.now();
  const model = await Model.load(BUILT_IN_MODEL, { signal });
  try {
    const ask = async (): Promise<DemoAnswers> => ({
      words: (await task.classify(model, heldOut, { signal })).map(({ label }) => label),
      own: own.length > 0 ? await task.classify(model, own, { signal }) : [],
    });
    const accuracyOf = ({ words }: DemoAnswers) =>
      words.filter((label, i) => label === heldOut[i]?.label).length / heldOut.length;
    const before = await ask();
    const withSteps = (totalSteps: number) => method.optimizer({ schedule: 'linear', totalSteps, seed });
    const steps = Math.floor(FORWARDS / withSteps(FORWARDS).forwards);
    const optimizer = withSteps(steps);
    const batches = shuffledBatches(train.length, BATCH_SIZE, seed);
    const evaluated = model.forwards;
    for (let step = 0; step < steps; step++) {
      const batch = task.batch(batches.batch(step).map((row) => train[row]!));
      const { meanLoss } = await optimizer.step(model, batch, { signal });
      onStep(step + 1, steps, meanLoss);
    }
    const forwards = Number(model.forwards - evaluated) / BATCH_SIZE;
    const after = await ask();
    const seconds = (performance.now() - began) / 1000;
    return {
      run: {
        method: method.name,
        seed,
        before: accuracyOf(before),
        after: accuracyOf(after),
        steps,
        forwards,
        seconds,
      },
      before,
      after,
    };
  } finally {
    model.dispose();
  }
};

import { shuffledBatches } from '../data/sampling.ts';
import { RATED_WORDS, ratedWords } from '../demo/words.ts';
import type { Optimizer } from '../methods/optimizer.ts';
import type { StepResult } from '../methods/run-step.ts';
import { BUILT_IN_MODEL } from '../model/built-in.ts';
import type { Model } from '../model/model.ts';
import { loadTask } from '../tasks/load.ts';
import { Tokenizer } from '../tasks/tokenizer.ts';
import type { StudyContext } from './study.ts';

// What studies train that ask about a model: the built-in one, on the demo's words.

/** Words of a step. */
export const BATCH_SIZE = 16;

/** How many runs a study makes of each method. */
export const SEEDS = { of: 'seeds', usual: 3, quick: 1, least: 1, most: 20 } as const;

/** Seeds of a study's runs. Learning rates of docs/results.md were chosen with seed 1. */
export const seedsOf = ({ seed, size }: Pick<StudyContext, 'seed' | 'size'>): number[] =>
  Array.from({ length: size }, (_, i) => 100 * seed + i + 2);

/** The words, and the task that asks for their rating. */
export const loadWords = async () => ({
  task: await loadTask(RATED_WORDS, await Tokenizer.load(BUILT_IN_MODEL)),
  ...(await ratedWords()),
});
export type Words = Awaited<ReturnType<typeof loadWords>>;

/** Takes so many steps, in the order of a seed, and gives what each says of itself. */
export const trainOn = async (
  model: Model,
  { task, train }: Pick<Words, 'task' | 'train'>,
  optimizer: Optimizer,
  { seed, steps }: { seed: number; steps: number },
): Promise<StepResult[]> => {
  const batches = shuffledBatches(train.length, BATCH_SIZE, seed);
  const taken: StepResult[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = task.batch(batches.batch(step).map((row) => train[row]!));
    taken.push(await optimizer.step(model, batch));
  }
  return taken;
};

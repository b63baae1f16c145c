import { shuffledBatches } from '../data/sampling.ts';
import { RATED_WORDS, ratedWords } from '../demo/words.ts';
import type { Optimizer } from '../methods/optimizer.ts';
import type { StepResult } from '../methods/run-step.ts';
import type { Model } from '../model/model.ts';
import { loadTask } from '../tasks/load.ts';
import { Tokenizer } from '../tasks/tokenizer.ts';

// What studies train that ask about a model: the built-in one, on the demo's words.

/** The model that is trained. */
export const MODEL = 'film-roberta-mini';
/** Words of a step. */
export const BATCH_SIZE = 16;

/** The words, and the task that asks for their rating. */
export const loadWords = async () => ({
  task: await loadTask(RATED_WORDS, await Tokenizer.load(MODEL)),
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

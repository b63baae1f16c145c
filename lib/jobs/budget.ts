import { ZestError } from '../errors.ts';
import { forwardsOfFirst } from '../methods/registry.ts';
import type { CallOptions } from '../objective.ts';
import { loadInputs } from '../training/inputs.ts';
import { readTraining } from '../training/read-data.ts';
import type { ResolvedConfig } from '../training/schema.ts';

/** How many batches the training data of a run are, where its method looks at all of them, and its forwards go by it. */
export const batchesOf = async (config: ResolvedConfig, { signal }: CallOptions): Promise<number> => {
  const { optimizer, data, training } = config;
  if (forwardsOfFirst(optimizer, 1, 1) === forwardsOfFirst(optimizer, 1, 2)) return 1;
  const { task } = await loadInputs(config, { splits: [], signal });
  const examples = await readTraining(data, task, { signal });
  return Math.max(1, examples.length / training.batchSize);
};

/** The most steps that forwards suffice for. */
const stepsWithin = (forwards: number, forwardsOf: (steps: number) => number): number => {
  let [most, tooMany] = [0, 1];
  while (tooMany <= Number.MAX_SAFE_INTEGER && forwardsOf(tooMany) <= forwards)
    [most, tooMany] = [tooMany, 2 * tooMany];
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (forwardsOf(middle) <= forwards) most = middle;
    else tooMany = middle;
  }
  return most;
};

/**
 * Gives a configuration as many steps as `forwards` allow, of training data that are so many batches. What is counted in
 * steps keeps its share of them: evaluateEvery, checkpointEvery and warmupSteps.
 *
 * @throws ERR_ZEST_CONFIG if the forwards do not suffice for a step
 */
export const withBudget = (config: ResolvedConfig, forwards: number, batches = 1): ResolvedConfig => {
  const { training, optimizer } = config;
  const steps = stepsWithin(forwards, (count) => forwardsOfFirst(optimizer, count, batches));
  if (steps < 1) {
    const least = Math.ceil(forwardsOfFirst(optimizer, 1, batches));
    throw new ZestError('ERR_ZEST_CONFIG', `forwards is ${forwards}; expected ${least} or more, which a step takes`);
  }
  const share = (count: number) => Math.round((count * steps) / training.steps);
  return {
    ...config,
    optimizer: { ...optimizer, warmupSteps: Math.min(share(optimizer.warmupSteps), steps - 1) },
    training: {
      ...training,
      steps,
      evaluateEvery: Math.max(1, share(training.evaluateEvery)),
      checkpointEvery: Math.max(1, share(training.checkpointEvery)),
    },
  };
};

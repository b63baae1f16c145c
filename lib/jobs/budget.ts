import { ZestError } from '../errors.ts';
import { forwardsOfStep } from '../methods/registry.ts';
import type { ResolvedConfig } from '../training/schema.ts';

/**
 * Gives a configuration as many steps as `forwards` allow. What is counted in steps keeps its share of them:
 * evaluateEvery, checkpointEvery and warmupSteps.
 *
 * @throws ERR_ZEST_CONFIG if the forwards do not suffice for a step
 */
export const withBudget = (config: ResolvedConfig, forwards: number): ResolvedConfig => {
  const { training, optimizer } = config;
  const each = forwardsOfStep(optimizer);
  const steps = Math.floor(forwards / each);
  if (steps < 1)
    throw new ZestError('ERR_ZEST_CONFIG', `forwards is ${forwards}; expected ${each} or more, which a step takes`);
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

import { createOptimizer, type Optimizer, type StepCallOptions } from '../methods/optimizer.ts';
import { methodOf } from '../methods/registry.ts';
import type { Example } from '../tasks/task.ts';
import type { ResolvedConfig } from './schema.ts';

/** The optimizer of a configuration; `training.seed` seeds its directions. */
export const configuredOptimizer = ({ optimizer, training }: ResolvedConfig): Optimizer => {
  const { method: _, ...options } = optimizer;
  return createOptimizer(methodOf(optimizer), { ...options, seed: training.seed, totalSteps: training.steps });
};

/** How a step of a run is called, with its training examples. */
export const stepCall = (
  { training }: ResolvedConfig,
  examples: readonly Example[],
  signal: AbortSignal | undefined,
): StepCallOptions => ({ signal, microBatch: training.batchSize, all: () => examples });

/** Whether the method of a configuration does without a learning rate, as one that measures its own. */
export const needsNoRate = ({ optimizer }: Pick<ResolvedConfig, 'optimizer'>): boolean =>
  methodOf(optimizer).options.learningRate?.safeParse(undefined).success ?? false;

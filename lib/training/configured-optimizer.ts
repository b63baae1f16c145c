import { createOptimizer, type Optimizer } from '../methods/optimizer.ts';
import { methodOf } from '../methods/registry.ts';
import type { ResolvedConfig } from './schema.ts';

/** The optimizer of a configuration; `training.seed` seeds its directions. */
export const configuredOptimizer = ({ optimizer, training }: ResolvedConfig): Optimizer => {
  const { method: _, ...options } = optimizer;
  return createOptimizer(methodOf(optimizer), { ...options, seed: training.seed, totalSteps: training.steps });
};

/** Whether the method of a configuration does without a learning rate, as one that measures its own. */
export const needsNoRate = ({ optimizer }: Pick<ResolvedConfig, 'optimizer'>): boolean =>
  methodOf(optimizer).options.learningRate?.safeParse(undefined).success ?? false;

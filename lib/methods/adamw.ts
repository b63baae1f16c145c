import { z } from 'zod';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { adam, adamOnly } from './rule.ts';
import { sgdMethod } from './sgd.ts';

const shape = {
  rule: adam,
  weightDecay: z.number().min(0).default(0.01).describe('λ, decoupled; skips biases and norms'),
};

/** Options of {@link adamw}; docs/methods.md has its formula. */
export interface AdamwOptions extends MethodInput<typeof shape> {}

/** AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101). */
export const adamwMethod = defineMethod({
  ...sgdMethod,
  name: 'adamw',
  title: 'AdamW',
  options: shape,
  conflicts: adamOnly,
});

/**
 * Makes the optimizer of AdamW (Loshchilov and Hutter 2019): Adam's rule on the gradient, and the decay beside it. A
 * gradient and a forward, for the loss, a step; its state is two numbers a parameter.
 * Defaults: rule `adam`, which is β₁ 0.9, β₂ 0.999, ε 1e-8, weightDecay 0.01.
 *
 * @example
 * import { adamw, vectorObjective } from 'node-zest';
 * const gradient = ([x, y]) => [2 * x, 20 * y];
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [3, 4], { gradient });
 * const optimizer = adamw({ learningRate: 0.1 });
 * for (let step = 0; step < 200; step++) await optimizer.step(bowl);
 * console.log(Math.hypot(...bowl.x) < 1e-2, bowl.stateNames); // true [ 'firstMoment', 'secondMoment' ]
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION; its steps reject as those of sgd do
 */
export const adamw = (options: AdamwOptions): Optimizer => createOptimizer(adamwMethod, options);

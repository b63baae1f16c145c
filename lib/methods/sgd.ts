import { norm } from '../numbers/vectors.ts';
import { gradientDiagnostics } from './gradient.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';

const shape = {};

/** Options of {@link sgd}; docs/methods.md has its formula. */
export interface SgdOptions extends MethodInput<typeof shape> {}

/** Gradient descent. */
export const sgdMethod = defineMethod({
  name: 'sgd',
  title: 'SGD',
  options: shape,
  streams: () => 0,
  forwards: () => 1,
  *estimate() {
    const vector = yield { gradient: [] };
    const losses = yield [[]];
    const meanLoss = losses[0]!;
    return { terms: [], vector, meanLoss, diagnostics: { gradientNorm: norm(vector) } };
  },
  diagnostics: gradientDiagnostics,
});

/**
 * Makes the optimizer of gradient descent, of an objective that has a gradient: G = ∇f(θ), with `rule: { momentum: β
 * }` Polyak's as PyTorch's SGD has it. A gradient and a forward, for the loss, a step.
 * Defaults: rule `plain`, weightDecay 0.
 *
 * @example
 * import { sgd, vectorObjective } from 'node-zest';
 * const gradient = ([x, y]) => [2 * x, 20 * y];
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [3, 4], { gradient });
 * const optimizer = sgd({ learningRate: 0.02, rule: { momentum: 0.9 } });
 * for (let step = 0; step < 200; step++) await optimizer.step(bowl);
 * console.log(Math.hypot(...bowl.x) < 1e-3); // true
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION; its steps reject with ERR_ZEST_UNSUPPORTED where the objective
 * has no gradient
 */
export const sgd = (options: SgdOptions): Optimizer => createOptimizer(sgdMethod, options);

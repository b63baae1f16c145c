import { norm } from '../numbers/vectors.ts';
import { gradientDiagnostics } from './gradient.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { positive } from './options.ts';

const shape = { radius: positive().default(0.05).describe('length of the ascent') };

/** Options of {@link sam}; docs/methods.md has its formula. */
export interface SamOptions extends MethodInput<typeof shape> {}

/** SAM (Foret et al. 2021, arXiv 2010.01412). */
export const samMethod = defineMethod({
  name: 'sam',
  title: 'SAM',
  options: shape,
  streams: () => 0,
  forwards: () => 2,
  *estimate({ radius }) {
    const gradient = yield { gradient: [] };
    const length = norm(gradient);
    const above = { vector: gradient, scale: length > 0 ? radius / length : 0 };
    const vector = yield { gradient: above };
    const [here, there] = (yield [[], above]) as Float64Array & [number, number];
    const diagnostics = { gradientNorm: norm(vector), ascent: there - here };
    return { terms: [], vector, meanLoss: here, diagnostics };
  },
  diagnostics: {
    ...gradientDiagnostics,
    ascent: { title: 'Ascent', words: 'How much higher the loss is where the gradient of the step is taken.' },
  },
});

/**
 * Makes the optimizer of SAM (Foret et al. 2021): G = ∇f(θ + radius·∇f/‖∇f‖). Two gradients and two forwards, for the
 * losses, a step.
 * Defaults: radius 0.05 (the paper's), rule `plain`.
 *
 * @example
 * import { sam, vectorObjective } from 'node-zest';
 * const gradient = ([x, y]) => [2 * x, 2 * y];
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4], { gradient });
 * const { diagnostics } = await sam({ learningRate: 0.1, radius: 0.5 }).step(bowl);
 * console.log(diagnostics.gradientNorm, diagnostics.ascent); // 11 5.25
 *
 * @throws TypeError or RangeError with ERR_ZEST_OPTION; its steps reject as those of sgd do
 */
export const sam = (options: SamOptions): Optimizer => createOptimizer(samMethod, options);

import type { Perturbation } from '../objective.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { mezoMethod } from './mezo.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { zestDiagnostics } from './zest.ts';

const shape = mezoMethod.options;

/** Options of {@link conservative}; docs/configuration.md says what each is. */
export interface ConservativeOptions extends MethodInput<typeof shape> {}

/** ZO-SGD-Cons (Zhang et al. 2024, arXiv 2402.11592). */
export const conservativeMethod = defineMethod({
  name: 'conservative',
  title: 'ZO-SGD-Cons',
  options: shape,
  conflicts: ({ rule, weightDecay }) => [
    ...(rule === 'plain' ? [] : [{ option: 'rule', expected: 'plain: conservative tries the steps that it may take' }]),
    ...(weightDecay === 0
      ? []
      : [{ option: 'weightDecay', expected: '0: conservative compares its steps without a decay' }]),
  ],
  streams: ({ directions }) => directions,
  forwards: ({ directions }) => 2 * directions + 3,
  *estimate(options, context) {
    const { learningRate } = context;
    const estimate = yield* mezoMethod.estimate(options, context);
    const along = (sign: number): Perturbation[] =>
      estimate.terms.map(({ stream, coefficient }) => ({ stream, scale: sign * learningRate * coefficient }));
    const [here, ahead, behind] = (yield [[], along(-1), along(1)]) as Float64Array & [number, number, number];
    const sign = ahead <= Math.min(here, behind) ? 1 : behind < here ? -1 : 0;
    return {
      ...estimate,
      terms: estimate.terms.map(({ stream, coefficient }) => ({ stream, coefficient: sign * coefficient })),
      diagnostics: { ...estimate.diagnostics, taken: sign },
    };
  },
  diagnostics: {
    ...zestDiagnostics,
    taken: {
      title: 'Step taken',
      words: '1: along −G; −1: along G; 0: none, for the batch’s loss is least where the weights are.',
    },
  },
});

/**
 * Makes the optimizer of ZO-SGD-Cons (Zhang et al. 2024, arXiv 2402.11592): MeZO's estimate G, then the best of θ, θ −
 * ηG and θ + ηG by the same batch. The first of equals is θ − ηG. 2k + 3 forwards a step; only with the plain rule and
 * without decay.
 * Defaults: directions 1, the others as MeZO's.
 *
 * @example
 * import { conservative, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + y * y, [3, 4]);
 * const optimizer = conservative({ learningRate: 100 }); // much too large: no step is better than none
 * const { diagnostics } = await optimizer.step(bowl);
 * console.log(optimizer.forwards, diagnostics.taken); // 5 0
 *
 * @throws TypeError or RangeError as mezo does
 */
export const conservative = (options: ConservativeOptions): Optimizer => createOptimizer(conservativeMethod, options);

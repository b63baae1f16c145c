import { coded } from '../options/check.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { mezoMethod } from './mezo.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { law } from './options.ts';

const shape = {
  ...mezoMethod.options,
  law: coded(
    law
      .default({ lowRank: 8, keep: 1000, core: true })
      .describe('law of the directions: the rank r, and how many share their subspace'),
    'ERR_ZEST_DIRECTIONS',
  ),
};

/** Options of {@link subzero}; docs/configuration.md says what each is. */
export interface SubzeroOptions extends MethodInput<typeof shape> {}

/** SubZero (Yu et al. 2024, arXiv 2410.08989). */
export const subzeroMethod = defineMethod({
  ...mezoMethod,
  name: 'subzero',
  title: 'SubZero',
  options: shape,
  conflicts: ({ law }) =>
    typeof law === 'object' && law.core
      ? []
      : [{ option: 'law', expected: '{lowRank: rank, keep: directions, core: true}, with subzero' }],
});

/**
 * Makes the optimizer of SubZero (Yu et al. 2024, arXiv 2410.08989): MeZO along directions U·Z·Vᵀ, of which U and V
 * are kept for ν steps and Z, r × r, is drawn for each. Here it is the law `{ lowRank: r, keep: k·ν, core: true }`
 * under MeZO's estimate: v = U·Z·Vᵀ/r with E[v vᵀ] = I, and nothing is stored. The paper makes the columns of U and V
 * orthonormal; these are Gaussian, and so orthogonal to about √(r/m) of m rows. 2k forwards a step.
 * Defaults: law `{ lowRank: 8, keep: 1000, core: true }`, the others as MeZO's; the paper takes r of 24 and more. r² is
 * at most 128 times the rows of each trained matrix, 11 where one has a single row, as segments' embeddings may; a vector
 * alone has no rank.
 *
 * @example
 * import { loadTask, Model, subzero, Tokenizer } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const batch = task.batch([{ sentence: 'a charming film', label: 1 }]);
 * const optimizer = subzero({ learningRate: 1e-5, law: { lowRank: 8, keep: 100, core: true } });
 * await optimizer.step(model, batch);
 * console.log(optimizer.state().law); // { lowRank: 8, keep: 100, core: true }
 *
 * @throws TypeError or RangeError as mezo does, with ERR_ZEST_DIRECTIONS for another law
 */
export const subzero = (options: SubzeroOptions): Optimizer => createOptimizer(subzeroMethod, options);

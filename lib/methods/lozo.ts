import { coded } from '../options/check.ts';
import { defineMethod, type MethodInput } from './method.ts';
import { mezoMethod } from './mezo.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { law } from './options.ts';

const shape = {
  ...mezoMethod.options,
  law: coded(
    law.default({ lowRank: 2, keep: 50 }).describe('law of the directions: the rank r, and how many share their B'),
    'ERR_ZEST_DIRECTIONS',
  ),
};

/** Options of {@link lozo}; docs/configuration.md says what each is. */
export interface LozoOptions extends MethodInput<typeof shape> {}

/** LOZO (Chen et al. 2024, arXiv 2410.07698). */
export const lozoMethod = defineMethod({
  ...mezoMethod,
  name: 'lozo',
  title: 'LOZO',
  options: shape,
  conflicts: ({ law }) =>
    typeof law === 'object' && 'lowRank' in law
      ? []
      : [{ option: 'law', expected: '{lowRank: rank, keep: directions}, with lozo' }],
});

/**
 * Makes the optimizer of LOZO (Chen et al. 2024, arXiv 2410.07698): MeZO along directions U·Vᵀ of low rank, of which V
 * is kept for ν steps, so that these search one subspace. Here it is the law `{ lowRank: r, keep: k·ν }` under MeZO's
 * estimate: v = A·Bᵀ/√r with E[v vᵀ] = I, where the paper divides by r; nothing is stored. 2k forwards a step.
 * Defaults: law `{ lowRank: 2, keep: 50 }`, the paper's, the others as MeZO's. A vector alone has no rank:
 * `vectorObjective` takes another law.
 *
 * @example
 * import { loadTask, lozo, Model, Tokenizer } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const batch = task.batch([{ sentence: 'a charming film', label: 1 }]);
 * const optimizer = lozo({ learningRate: 1e-5 });
 * await optimizer.step(model, batch);
 * console.log(optimizer.state().law); // { lowRank: 2, keep: 50 }
 *
 * @throws TypeError or RangeError as mezo does, with ERR_ZEST_DIRECTIONS for a law that is not of low rank
 */
export const lozo = (options: LozoOptions): Optimizer => createOptimizer(lozoMethod, options);

import type { Config } from '../training/schema.ts';
import { BASELINE } from './embedding-baseline.ts';

/** An optimizer but for its learning rate. */
export interface ComparedMethod {
  name: string;
  /** In a table. */
  title: string;
  /** Where the search for a learning rate begins; of a method that measures its own, the factor of it. */
  learningRate: number;
  /** Whether it measures its learning rate, so that none is searched for. */
  measuresRate?: boolean;
  /** Whether it is compared only where it is asked for. */
  isAblation?: boolean;
  /** Whether it learns the first metric of the task, in the place of its loss. */
  learnsMetric?: boolean;
  optimizer(learningRate: number): Config['optimizer'];
}

type Zest = Omit<Extract<Config['optimizer'], { method: 'zest' }>, 'method' | 'learningRate'>;

const zest = (name: string, title: string, options: Zest, learningRate = 1e-4): ComparedMethod => ({
  name,
  title,
  learningRate,
  optimizer: (learningRate) => ({ method: 'zest', schedule: 'linear', ...options, learningRate }),
});

const TWO_SIDED: Zest = { directions: 5, sides: 'two' };
const ONE_SIDED: Zest = { directions: 10, sides: 'one' };

/** Besides 0, which is n-SPSA, and 1. */
const TILTS = [0.1, 5, 10];

const FZOO: Zest = { ...ONE_SIDED, tilt: 0, law: 'rademacher', normalize: 'sigma' };

/** What an experiment compares. A step takes ten forwards, MeZO's two. */
export const METHODS: readonly ComparedMethod[] = [
  {
    name: 'mezo',
    title: 'MeZO',
    learningRate: 3e-5,
    optimizer: (learningRate) => ({ method: 'mezo', schedule: 'linear', learningRate }),
  },
  zest('n-spsa', 'n-SPSA, k = 5', { ...TWO_SIDED, tilt: 0 }),
  zest('naive-t1', 'ZEST, naive, t = 1', { ...TWO_SIDED, tilt: 1 }),
  zest('naive-tau1', 'ZEST, naive, tau = 1', { ...TWO_SIDED, tilt: { tau: 1 } }),
  zest('corrected-t1', 'ZEST, bias-corrected, t = 1', { ...TWO_SIDED, tilt: 1, estimator: 'biasCorrected' }),
  zest('corrected-tau1', 'ZEST, bias-corrected, tau = 1', {
    ...TWO_SIDED,
    tilt: { tau: 1 },
    estimator: 'biasCorrected',
  }),
  zest('one-sided-t1', 'ZEST, one-sided, t = 1', { ...ONE_SIDED, tilt: 1 }),
  zest('one-sided-tau1', 'ZEST, one-sided, tau = 1', { ...ONE_SIDED, tilt: { tau: 1 } }),
  zest('fzoo', 'FZOO-normalised', FZOO, 1e-3),
  {
    name: 'auto',
    title: 'auto, no search',
    learningRate: 1,
    measuresRate: true,
    optimizer: (learningRate) => ({ method: 'auto', learningRate }),
  },
  ...TILTS.map((tilt) => ({
    ...zest(`naive-t${tilt}`, `ZEST, naive, t = ${tilt}`, { ...TWO_SIDED, tilt }),
    isAblation: true,
  })),
  { ...zest('fzoo-metric', 'FZOO-normalised, of the metric itself', FZOO, 1e-3), learnsMetric: true },
];

/**
 * What is compared on a decoder: there naive and bias-corrected ZEST are n-SPSA at t = 1 as they are on the built-in
 * model.
 */
const OF_DECODER = ['mezo', 'n-spsa', 'one-sided-t1', 'one-sided-tau1', 'fzoo', 'fzoo-metric', 'auto'];

/** Names of all that an experiment may compare. */
export const CONTENDERS: readonly string[] = [...METHODS.map(({ name }) => name), BASELINE.name];

/** The methods that an experiment compares where it is not said which. */
export const defaultMethods = (isOfDecoder: boolean): ComparedMethod[] =>
  METHODS.filter(({ name, learnsMetric, isAblation }) =>
    isOfDecoder ? OF_DECODER.includes(name) : !learnsMetric && !isAblation,
  );

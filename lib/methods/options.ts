import { z } from 'zod';
import { NAMES } from '../native/names.ts';
import type { Law } from '../objective.ts';
import { coded } from '../options/check.ts';
import { count } from '../options/count.ts';
import { isSeed, SEED } from '../options/seed.ts';
import { rule } from './rule.ts';

// Options that several methods have. A union's `error` says in words what was expected.

export const positive = () => z.number().positive();

/** How many directions a step draws. */
export const directions = (usual: number, what = 'directions that a step draws; two forwards each, or one') =>
  coded(
    count()
      .max(2 ** 20)
      .default(usual)
      .describe(what),
    'ERR_ZEST_DIRECTIONS',
  );

export const tilt = z.union(
  [
    z.number().min(0),
    z.strictObject({ tau: z.number().min(0).describe('t = τ/σ, σ the standard deviation of the losses') }),
    z.strictObject({
      effectiveSampleSize: z
        .number()
        .positive()
        .max(1)
        .describe('the t at which this share of the evaluations carries weight'),
    }),
    z.strictObject({
      klRadius: z.number().min(0).describe('the t at which the weights have this KL divergence from uniform'),
    }),
  ],
  { error: 'a number, {tau: number}, {effectiveSampleSize: number} or {klRadius: number}' },
);

export const law = z.union(
  [
    z.enum(NAMES.law).exclude(['lowRank']),
    z.strictObject({
      lowRank: count().max(64).describe('rank r of a matrix’s direction A·Bᵀ/√r'),
      keep: count().optional().describe('consecutive directions that share their B, k·ν for ν steps of k; default: 1'),
      core: z
        .boolean()
        .optional()
        .describe('whether A is U·Z/√r, U shared as B is and Z, r × r, of each direction; default: false'),
    }),
  ],
  {
    error: 'gaussian, sphere, rademacher or {lowRank: rank}',
  },
);

/** How far a perturbation goes, and by which law. */
export const probe = (usual: { rho: number; law: Law }) => ({
  rho: coded(
    positive()
      .default(usual.rho)
      .describe('how far a perturbation moves each weight, in standard deviations of the direction'),
    'ERR_ZEST_RHO',
  ),
  law: coded(law.default(usual.law).describe('law of the directions'), 'ERR_ZEST_DIRECTIONS'),
});

/** What methods of random directions have in common. */
export const perturbation = {
  ...probe({ rho: 1e-3, law: 'gaussian' }),
  normalize: z
    .enum(['none', 'sigma', 'norm'])
    .default('none')
    .describe('divides the step by the spread of its losses over ρ (sigma), or by its length (norm)'),
};

/** What every method has: how far a step goes. */
export const stepLength = {
  learningRate: z.number().describe('η of θ ← θ − η·(G + λθ)'),
  schedule: z
    .enum(['constant', 'linear', 'cosine'])
    .default('constant')
    .describe('how the learning rate falls from its value to 0 over the run'),
  warmupSteps: z.int().min(0).default(0).describe('steps of linear growth before the schedule'),
  weightDecay: z.number().min(0).default(0).describe('λ, decoupled; skips biases and norms'),
  decayTowards: z
    .enum(['zero', 'start'])
    .default('zero')
    .describe('what the decay pulls the weights to: 0, or those that the run began with (anchored), kept beside them'),
  rule: rule
    .default('plain')
    .describe('what a step does with G: subtracts it, its sign, its momentum, or Adam’s step, whose state is kept'),
};

/** A seed of directions. */
export const seed = z.custom<bigint | number>(isSeed, { error: SEED });

/** What a program may set beside, and a run sets from its own configuration. */
export const inPrograms = {
  seed: coded(seed.default(0).describe('seed of the directions'), 'ERR_ZEST_DIRECTIONS'),
  totalSteps: z.int().min(0).optional().describe('step at which a falling schedule reaches 0'),
};

import { z } from 'zod';
import type { UpdateRule } from '../objective.ts';

/** A share of what was that stays, below 1 also in float32. */
const share = () =>
  z
    .number()
    .min(0)
    .lt(1)
    .refine((value) => Math.fround(value) < 1, { error: 'a number that float32 tells from 1' });

const beta = (usual: number) => share().default(usual);

// The correction of the bias makes it smaller by up to 2⁻¹², and float32 holds the product.
const epsilon = z.number().min(1e-34).max(1e38);

/** The rule of the updates as configurations and programs give it. */
export const rule = z.union(
  [
    z.enum(['plain', 'sign', 'momentum', 'adam']),
    z.strictObject({ momentum: share().describe('share of the last step’s momentum that stays, β') }),
    z.strictObject({
      adam: z.strictObject({
        beta1: beta(0.9).describe('β₁ of the mean of G'),
        beta2: beta(0.999).describe('β₂ of the mean of G²'),
        epsilon: epsilon.default(1e-8).describe('added to the root of the mean of G²'),
      }),
    }),
  ],
  { error: 'plain, sign, momentum, adam, {momentum: β} or {adam: {beta1, beta2, epsilon}}' },
);

/** Numbers of the rules that are given by their names alone. */
const USUAL = { momentum: 0.9, adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } };

/** The rule of methods that are Adam's: another is a conflict, {@link adamOnly}. */
export const adam = rule.default('adam').describe('Adam’s rule');

/** Conflicts of a method that is Adam's. */
export const adamOnly = ({ rule }: { rule: RuleOption }) =>
  rule === 'adam' || (typeof rule === 'object' && 'adam' in rule)
    ? []
    : [{ option: 'rule', expected: 'adam or {adam: {beta1, beta2, epsilon}}' }];

/** A rule of the updates with every default filled in. */
export type RuleOption = z.output<typeof rule>;

const ofName = (name: 'momentum' | 'adam'): Exclude<RuleOption, string> =>
  name === 'momentum' ? { momentum: USUAL.momentum } : { adam: USUAL.adam };

/** Names of the rules, as a log has them. */
const LOGGED = ['plain', 'sign', 'momentum', 'adam'] as const;

/** How the updates of a run move the weights, in the words of a log. */
export type LoggedRule = (typeof LOGGED)[number] | `${(typeof LOGGED)[number]} anchored`;

/** All of them. */
export const LOGGED_RULES: readonly LoggedRule[] = LOGGED.flatMap((name) => [name, `${name} anchored` as const]);

/** Options that say it. */
interface Ruled {
  rule?: RuleOption;
  decayTowards?: string;
  weightDecay?: number;
}

/** The words of a log for a rule whose name is given, and for the place that the decay is towards. */
export const loggedRule = (name: (typeof LOGGED)[number], anchored: boolean): LoggedRule =>
  anchored ? `${name} anchored` : name;

/** How the updates of such options move the weights; of methods without a rule, plainly. */
export const ruleName = ({ rule = 'plain', decayTowards, weightDecay = 0 }: Ruled): LoggedRule => {
  const given = typeof rule === 'string' ? rule : Object.keys(rule ?? {})[0];
  const name = LOGGED.find((known) => known === given) ?? 'plain'; // a method of one's own may call something else so
  return loggedRule(name, decayTowards === 'start' && weightDecay > 0);
};

/**
 * Makes the rule of one update of a run, in float32 values: `updates` came before it. Undefined is the plain update.
 *
 * Sign is signSGD (Bernstein et al. 2018), momentum is Polyak's as PyTorch's SGD has it, Adam is Kingma and Ba's
 * (2015), whose correction of the bias goes into rate and epsilon; the decay is decoupled (Loshchilov and Hutter 2019).
 */
export const updateRule = (option: RuleOption, learningRate: number, updates: number): UpdateRule | undefined => {
  const rate = Math.fround(learningRate);
  if (option === 'plain') return undefined;
  if (option === 'sign') return { name: 'sign', rate };
  if (option === 'momentum' || option === 'adam') return updateRule(ofName(option), learningRate, updates);
  if ('momentum' in option) return { name: 'momentum', rate, beta: Math.fround(option.momentum) };
  const [beta1, beta2] = [Math.fround(option.adam.beta1), Math.fround(option.adam.beta2)];
  const root = Math.sqrt(1 - beta2 ** (updates + 1));
  return {
    name: 'adam',
    rate: Math.fround((learningRate * root) / (1 - beta1 ** (updates + 1))),
    beta1,
    beta2,
    epsilon: Math.fround(option.adam.epsilon * root),
  };
};

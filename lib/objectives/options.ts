import { z } from 'zod';
import { count } from '../options/count.ts';
import { metricNames } from '../tasks/metrics.ts';

/** The metrics that compare answers, those that were registered too. */
const learned = (): string[] => metricNames().filter((metric) => metric !== 'reward');

// What a run learns beside the loss of its task: the `objective` of a configuration, and options of programs.

/** How a model writes the answers that are rewarded. */
export const decoding = {
  maxTokens: count().optional().describe('tokens of a text, at most; default: those of the task'),
  temperature: z
    .number()
    .min(0)
    .optional()
    .describe('what logits are divided by before a token is drawn; default 0: the most probable one'),
  topK: count().optional().describe('number of the most probable tokens that are drawn from; default: all'),
  topP: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('probability that the tokens which are drawn from have together, at least; default 1'),
  seed: z.int().min(0).optional().describe('seed that tokens are drawn from, at all points alike; default 0'),
};

export const onError = z.enum(['throw', 'skip']).optional();

const expectedMetric = (): string => `one of ${learned().join(', ')} or {cost: [[…], …]}`;

const cost = z.array(z.array(z.number())).describe('cost[label][answer]; the loss is the mean over the examples');

const shape = {
  metric: z
    .union(
      [
        z
          .string()
          .refine((name) => learned().includes(name), { error: expectedMetric })
          .meta({ enum: learned() }),
        z.strictObject({ cost }),
      ],
      { error: expectedMetric },
    )
    .optional()
    .describe('learn the metric itself, or what each answer costs, in the place of the loss of the task'),
  reward: z
    .string({ error: 'the path of a module; a program gives a function to rewardObjective' })
    .min(1)
    .optional()
    .describe('learn a reward: the path of a module whose default export says how good an answer is (rewards.md)'),
  onError: onError.describe('a reward that fails ends the run, or leaves its example out of the step; default throw'),
  ...decoding,
  exampleTilt: z
    .number()
    .optional()
    .describe('s of (1/s)·log mean e^{sℓ} over examples: below 0 for wrong labels, above 0 for the worst; default 0'),
  groupTilt: z
    .number()
    .optional()
    .describe(
      'the same over the mean losses of the groups that data.group names; the larger, the more the worst one counts',
    ),
};

type Given = { [key in keyof typeof shape]?: unknown };

/** Keys that do nothing without another one, and those that exclude each other. */
const conflicts = (value: Given): { key: keyof Given; expected: string }[] => {
  const has = (key: keyof Given) => value[key] !== undefined;
  const found: { key: keyof Given; expected: string }[] = [];
  if (has('metric') && has('reward')) found.push({ key: 'reward', expected: 'none beside objective.metric' });
  if (has('exampleTilt') && has('groupTilt'))
    found.push({ key: 'groupTilt', expected: 'none beside objective.exampleTilt' });
  for (const key of ['onError', ...Object.keys(decoding)] as (keyof Given)[]) {
    if (has(key) && !has('reward')) found.push({ key, expected: 'none without objective.reward' });
  }
  for (const key of ['exampleTilt', 'groupTilt'] as const) {
    if (has(key) && typeof value.metric === 'string' && value.metric !== 'accuracy')
      found.push({ key, expected: `none with metric ${value.metric}, which is of a batch and not of its examples` });
  }
  return found;
};

/** The `objective` of a configuration. */
export const objective = z
  .strictObject(shape)
  .check(({ value, issues }) => {
    for (const { key, expected } of conflicts(value))
      issues.push({ code: 'custom', path: [key], message: expected, input: value[key] });
  })
  .optional();

/** The `objective` of a configuration that was checked. */
export type ObjectiveConfig = NonNullable<z.output<typeof objective>>;

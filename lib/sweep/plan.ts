import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ZestError } from '../errors.ts';
import { batchesOf, withBudget } from '../jobs/budget.ts';
import { forwardsOfFirst } from '../methods/registry.ts';
import type { CallOptions } from '../objective.ts';
import { loadConfig } from '../training/config.ts';
import { runMetric } from '../training/objective.ts';
import type { Config, ResolvedConfig } from '../training/schema.ts';
import { type GridAxis, type GridRun, gridRuns } from './grid.ts';

/** A run of a sweep before it begins. */
export interface PlannedRun extends GridRun {
  /** Without data.test: only the chosen point is tested. */
  config: ResolvedConfig;
  /** Number of forward passes that it takes, if it does not stop early. */
  forwards: number;
}

export interface Plan {
  output: string;
  runs: PlannedRun[];
  /** data.test of the configuration. */
  test: string | string[] | undefined;
}

export interface PlanOptions extends CallOptions {
  grid: readonly GridAxis[];
  overrides: readonly string[];
  forwards?: number;
  output?: string;
}

const fail = (message: string): never => {
  throw new ZestError('ERR_ZEST_CONFIG', message);
};

/**
 * Checks that no two runs of a grid are one and the same, but for their names.
 *
 * @throws ERR_ZEST_CONFIG
 */
const assertDistinct = (runs: readonly PlannedRun[]): void => {
  const names = new Map<string, string>();
  for (const { name, config } of runs) {
    const content = JSON.stringify({ ...config, output: undefined });
    const other = names.get(content);
    if (other !== undefined) fail(`the grid has one run twice, as ${other} and as ${name}`);
    names.set(content, name);
  }
};

/**
 * Checks that all runs are judged by one metric, of which the best point has the most.
 *
 * @throws ERR_ZEST_CONFIG
 */
const assertComparable = (runs: readonly PlannedRun[]): void => {
  const [first, ...others] = runs.map(({ name, config }) => ({ name, metric: runMetric(config) }));
  const other = others.find(({ metric }) => metric !== first?.metric);
  if (!first || !other) return;
  fail(
    `the grid has ${first.name}, which is judged by ${first.metric}, and ${other.name} by ${other.metric}; ` +
      'expected runs with one first metric, which the best is chosen by',
  );
};

/** Why no run can have a value of its own for a key; undefined where it can. */
const whyNotInGrid = (key: string, forwards: number | undefined): string | undefined => {
  if (key === 'output') return 'each run has a folder of its own under it';
  if (key === 'data.test') return 'it takes no part in the choice';
  if (key === 'training.steps' && forwards !== undefined) return 'forwards sets it';
  return undefined;
};

const assertCommon = (key: string, forwards: number | undefined): void => {
  const why = whyNotInGrid(key, forwards);
  if (why) fail(`the grid cannot have ${key}: ${why}`);
};

/**
 * Makes every run of a sweep with its configuration, checked before the first begins.
 *
 * @throws ERR_ZEST_CONFIG, and what reading the training data throws for a method that looks at all of them
 */
export const planSweep = async (config: Config | string, options: PlanOptions): Promise<Plan> => {
  const { overrides, forwards } = options;
  for (const { key } of options.grid) assertCommon(key, forwards);
  let output = options.output;
  let first: ResolvedConfig | undefined;
  const runs: PlannedRun[] = [];
  for (const run of gridRuns(options.grid)) {
    const values = Object.entries(run.values).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    const all = [...overrides, ...values];
    if (options.output !== undefined) all.push(`output=${JSON.stringify(options.output)}`);
    const resolved = await loadConfig(config, all, '--set or --grid');
    first ??= resolved;
    // A key above them may be in the grid.
    if (!isDeepStrictEqual(resolved.data.test, first.data.test)) assertCommon('data.test', forwards);
    if (resolved.training.steps !== first.training.steps) assertCommon('training.steps', forwards);
    const { test, ...data } = resolved.data;
    // The runs do not see it, so that they would train on what it holds out.
    if (typeof test === 'number') fail('data.test: is a share of data.train; expected data of its own for a sweep');
    if (data.validation === undefined) fail('data.validation: is missing; a sweep chooses by it');
    output ??= resolved.output;
    const own = { ...resolved, data, output: join(output, run.name) };
    const batches = await batchesOf(own, options);
    const budgeted = forwards === undefined ? own : withBudget(own, forwards, batches);
    const ofRun = forwardsOfFirst(budgeted.optimizer, budgeted.training.steps, batches);
    runs.push({ ...run, config: budgeted, forwards: Math.ceil(ofRun) });
  }
  assertDistinct(runs);
  assertComparable(runs);
  return { output: output as string, runs, test: first?.data.test as Plan['test'] };
};

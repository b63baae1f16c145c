import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { readConfig, resolveConfig } from '../training/config.ts';
import type { Config, ResolvedConfig } from '../training/schema.ts';
import { type Axis, type GridRun, gridRuns } from './grid.ts';

/** A run of a sweep before it begins. */
export interface PlannedRun extends GridRun {
  /** Without data.test: only the chosen point is tested. */
  config: ResolvedConfig;
}

export interface Plan {
  output: string;
  runs: PlannedRun[];
  /** data.test of the configuration. */
  test: string | undefined;
}

/** Forward passes of a batch that a step takes. */
export const forwardsOfStep = ({ optimizer }: ResolvedConfig): number =>
  optimizer.directions * (optimizer.method === 'zest' && optimizer.sides === 'one' ? 1 : 2);

/**
 * The configuration with as many steps as `forwards` allow. What is counted in steps keeps its share of them:
 * evaluateEvery, checkpointEvery and warmupSteps. Throws ERR_ZEST_CONFIG if the forwards do not suffice for a step.
 */
export const withBudget = (config: ResolvedConfig, forwards: number): ResolvedConfig => {
  const { training, optimizer } = config;
  const each = forwardsOfStep(config);
  const steps = Math.floor(forwards / each);
  if (steps < 1)
    throw new ZestError('ERR_ZEST_CONFIG', `expected forwards for a step, which takes ${each}, got ${forwards}`);
  const share = (count: number) => Math.round((count * steps) / training.steps);
  return {
    ...config,
    optimizer: { ...optimizer, warmupSteps: Math.min(share(optimizer.warmupSteps), steps - 1) },
    training: {
      ...training,
      steps,
      evaluateEvery: Math.max(1, share(training.evaluateEvery)),
      checkpointEvery: Math.max(1, share(training.checkpointEvery)),
    },
  };
};

export interface PlanOptions {
  grid: readonly Axis[];
  overrides: readonly string[];
  forwards?: number;
  output?: string;
}

const checkGrid = ({ grid, forwards }: PlanOptions): void => {
  for (const { key } of grid) {
    const why =
      key === 'output'
        ? 'each run has a folder of its own under it'
        : key === 'data.test'
          ? 'it takes no part in the choice'
          : key === 'training.steps' && forwards !== undefined
            ? 'forwards sets it'
            : undefined;
    if (why) throw new ZestError('ERR_ZEST_CONFIG', `the grid cannot have ${key}: ${why}`);
  }
};

/** Every run of a sweep with its configuration, checked before the first begins. Throws ERR_ZEST_CONFIG. */
export const planSweep = async (config: Config | string, options: PlanOptions): Promise<Plan> => {
  checkGrid(options);
  const { overrides, forwards } = options;
  let output = options.output;
  let test: string | undefined;
  const runs: PlannedRun[] = [];
  for (const run of gridRuns(options.grid)) {
    const values = Object.entries(run.values).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    const all = [...overrides, ...values];
    const resolved =
      typeof config === 'string' ? await readConfig(config, all, '--set or --grid') : resolveConfig(config, all);
    const { test: testFile, ...data } = resolved.data;
    if (data.validation === undefined) {
      throw new ZestError('ERR_ZEST_CONFIG', 'data.validation: is missing; a sweep chooses by it');
    }
    test = testFile;
    output ??= resolved.output;
    const own = { ...resolved, data, output: join(output, run.name) };
    runs.push({ ...run, config: forwards === undefined ? own : withBudget(own, forwards) });
  }
  return { output: output as string, runs, test };
};

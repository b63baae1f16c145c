import { join } from 'node:path';
import type { CallOptions } from '../objective.ts';
import { runFolder } from '../runs/folder.ts';
import type { Score } from '../tasks/task.ts';
import { type Experiment, loadExperiment, loadModel } from '../training/inputs.ts';
import { scoreSplit } from '../training/score-split.ts';
import type { PlannedRun } from './plan.ts';
import type { SweepRun } from './results.ts';

const experimentOf = ({ config }: PlannedRun, test: string): Promise<Experiment> =>
  loadExperiment({ ...config, data: { ...config.data, validation: undefined, test } });

/** Throws, before the first run, what is wrong with the test data for any of the tasks. */
export const assertTestable = async (runs: readonly PlannedRun[], test: string): Promise<void> => {
  const tasks = new Map(runs.map((run) => [JSON.stringify([run.config.model, run.config.task]), run]));
  for (const run of tasks.values()) await experimentOf(run, test);
};

/** Scores the weights that a run kept on the test data. */
export const testRun = async (
  planned: PlannedRun,
  { kept: { name } }: SweepRun & { status: 'done' },
  test: string,
  { signal }: CallOptions,
): Promise<Score> => {
  const { config } = planned;
  const experiment = await experimentOf(planned, test);
  const kept = join(runFolder(config.output).checkpoints, name);
  const model = await loadModel(config, experiment.tokenizer, { signal }, kept);
  try {
    return await scoreSplit(experiment, model, 'test', { signal });
  } finally {
    model.dispose();
  }
};

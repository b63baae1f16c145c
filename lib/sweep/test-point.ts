import { join } from 'node:path';
import type { CallOptions } from '../objective.ts';
import type { Score } from '../text/task.ts';
import { loadExperiment, loadModel } from '../training/experiment.ts';
import { runFolder } from '../training/run-folder.ts';
import { scoreSplit } from '../training/score-split.ts';
import type { PlannedRun } from './plan.ts';
import type { SweepRun } from './results.ts';

/** Scores the weights that a run kept on the test data. */
export const testRun = async (
  { config }: PlannedRun,
  run: SweepRun & { status: 'done' },
  test: string,
  { signal }: CallOptions,
): Promise<Score> => {
  const experiment = await loadExperiment({ ...config, data: { ...config.data, validation: undefined, test } });
  const kept = join(runFolder(config.output).checkpoints, run.kept.name);
  const model = await loadModel(config, experiment.tokenizer, { signal }, kept);
  try {
    return await scoreSplit(experiment, model, 'test', { signal });
  } finally {
    model.dispose();
  }
};

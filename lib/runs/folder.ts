import { readdir, realpath, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { ZestError } from '../errors.ts';
import { isThere, writeAtomic, writing } from '../files.ts';
import { modelFolder } from '../model/built-in.ts';
import { EVENT_FILE_PREFIX } from './tensorboard.ts';

/** Where the parts of a run are, and what is found out about it later. */
export interface RunFolder {
  path: string;
  /** The resolved configuration. */
  config: string;
  /** One JSON object a line: a step or an evaluation. */
  metrics: string;
  /** docs/trajectory.md */
  trajectory: string;
  summary: string;
  /** What the scores of the weights kept are made of, by split: a classification report each. */
  reports: string;
  checkpoints: string;
  /** What `zest sharpness` found, and its page. */
  sharpness: string;
  sharpnessPage: string;
}

/** The parts of a run under its folder. */
export const runFolder = (path: string): RunFolder => ({
  path,
  config: join(path, 'config.yaml'),
  metrics: join(path, 'metrics.jsonl'),
  trajectory: join(path, 'trajectory.zest'),
  summary: join(path, 'summary.json'),
  reports: join(path, 'classification.json'),
  checkpoints: join(path, 'checkpoints'),
  sharpness: join(path, 'sharpness.json'),
  sharpnessPage: join(path, 'sharpness.html'),
});

/**
 * Checks that a folder holds no run.
 *
 * @throws ERR_ZEST_RUN
 */
export const assertNoRun = async (run: RunFolder): Promise<void> => {
  for (const part of [run.config, run.metrics, run.trajectory, run.summary, run.checkpoints]) {
    if (!(await isThere(part))) continue;
    throw new ZestError(
      'ERR_ZEST_RUN',
      `${run.path} holds a run already (${part}); name another folder as output, or replace the run with --overwrite`,
    );
  }
};

/**
 * Checks that a folder is not that of a sweep, whose runs have folders in it.
 *
 * @throws ERR_ZEST_RUN
 */
export const assertNoSweep = async ({ path }: RunFolder): Promise<void> => {
  const table = join(path, 'sweep.json');
  if (!(await isThere(table))) return;
  throw new ZestError('ERR_ZEST_RUN', `${path} holds a sweep (${table}); name another folder as output`);
};

/**
 * Checks that the model to train is no checkpoint of the run that is to be replaced.
 *
 * @throws ERR_ZEST_RUN
 */
export const assertModelApart = async (run: RunFolder, model: string): Promise<void> => {
  const checkpoints = await realpath(run.checkpoints).catch(() => undefined);
  if (checkpoints === undefined) return;
  const [first] = relative(checkpoints, await realpath(modelFolder(model))).split(sep);
  if (first === '..') return;
  throw new ZestError(
    'ERR_ZEST_RUN',
    `the model ${model} is a checkpoint of the run in ${run.path}, which --overwrite would remove; name another folder as output`,
  );
};

/** Begins a run in a folder that is there, in place of what it holds of another. */
export const createRun = async (run: RunFolder, config: object): Promise<void> => {
  const names = (await readdir(run.path)).filter((name) => name.startsWith(EVENT_FILE_PREFIX));
  const events = names.map((name) => join(run.path, name));
  for (const part of [
    ...events,
    run.sharpness,
    run.sharpnessPage,
    run.summary,
    run.reports,
    run.trajectory,
    run.metrics,
    run.checkpoints,
    run.config,
  ]) {
    await writing(part, rm(part, { recursive: true, force: true }));
  }
  const { stringify } = await import('yaml');
  await writeAtomic(run.config, stringify(config));
};

import { lstat, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ZestError } from '../errors.ts';
import { ifThere, isThere, reading, writeAtomic, writing } from '../files/files.ts';
import { modelFolder } from '../model/built-in.ts';
import { isObject } from '../text/json.ts';
import { EVENT_FILE_PREFIX } from './tensorboard.ts';
import { isTrajectory } from './trajectory.ts';

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
  /** What a resumed run goes on from beside the weights and the log. */
  state: string;
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
  state: join(path, 'state.json'),
  sharpness: join(path, 'sharpness.json'),
  sharpnessPage: join(path, 'sharpness.html'),
});

/**
 * Writes the resolved configuration of a run, from which it is read back as it is.
 *
 * @throws ERR_ZEST_FILE
 */
export const writeConfig = async (run: RunFolder, config: object): Promise<void> => {
  const { yamlOf } = await import('../text/yaml.ts');
  await writeAtomic(run.config, yamlOf(config));
};

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
      `${run.path} holds a run already (${part}); name another folder as output, or replace the run by the option overwrite`,
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
  const checkpoints = await ifThere(run.checkpoints, realpath(run.checkpoints));
  if (checkpoints === undefined) return;
  const [first] = relative(checkpoints, await realpath(modelFolder(model))).split(sep);
  if (first === '..') return;
  throw new ZestError(
    'ERR_ZEST_RUN',
    `the model ${model} is a checkpoint of the run in ${run.path}, which the option overwrite would remove; name another folder as output`,
  );
};

/** Whether a name is that of a checkpoint: best, last, step-500; .step-500 while it is made or removed. */
export const isCheckpoint = (name: string): boolean => /^(best|last|\.?step-\d+)$/.test(name);

/** The parts of a run, with its event files; the log, by which a run is known, is the last. */
export const partsOf = async (run: RunFolder): Promise<string[]> => {
  const names = (await reading(run.path, readdir(run.path))).filter((name) => name.startsWith(EVENT_FILE_PREFIX));
  const events = names.map((name) => join(run.path, name));
  const { sharpness, sharpnessPage, summary, reports, state, metrics, checkpoints, config, trajectory } = run;
  return [...events, sharpness, sharpnessPage, summary, reports, state, metrics, checkpoints, config, trajectory];
};

/** Folders from a run down to the weights of an adapter: checkpoints/best/adapter. */
const MOST_LEVELS = 4;

/** The folder of a path, and those above it that might be a run's. */
const foldersAbove = (path: string): string[] => {
  const folders = [dirname(path)];
  while (folders.length < MOST_LEVELS) folders.push(dirname(folders.at(-1)!));
  return folders;
};

/**
 * Checks that a file to be written is no part of a run, nor what a part links to.
 *
 * @throws ERR_ZEST_FILE
 */
export const assertNoPart = async (file: string): Promise<void> => {
  const path = await ifThere(file, realpath(file));
  if (path === undefined) return;
  for (const folder of new Set([resolve(file), path].flatMap(foldersAbove))) {
    const run = runFolder(folder);
    if (!(await isThere(run.config)) || !(await isTrajectory(run.trajectory))) continue;
    for (const part of await partsOf(run)) {
      const real = (await ifThere(part, realpath(part))) ?? part;
      if (path !== real && !path.startsWith(real + sep)) continue;
      throw new ZestError('ERR_ZEST_FILE', `${file} is a part of the run in ${folder}; expected another file to write`);
    }
  }
};

export const removeAll = (path: string): Promise<void> => writing(path, rm(path, { recursive: true, force: true }));

/** Whether a file is a configuration of ours. */
const isConfig = async (file: string): Promise<boolean> => {
  const { parse } = await import('yaml');
  const text = await reading(file, readFile(file, 'utf8'));
  try {
    const value: unknown = parse(text, { logLevel: 'error' });
    return isObject(value) && ['model', 'data', 'optimizer', 'output'].every((key) => key in value);
  } catch {
    return false;
  }
};

/**
 * Checks that no part of a run is a link: one that is moved aside leads elsewhere, and what it led to would not be.
 *
 * @throws ERR_ZEST_RUN
 */
export const assertNoLinks = async (run: RunFolder): Promise<void> => {
  for (const part of await partsOf(run)) {
    const found = await ifThere(part, lstat(part));
    if (!found?.isSymbolicLink()) continue;
    throw new ZestError(
      'ERR_ZEST_RUN',
      `${part} is a link; expected a part of the run itself, which another run can replace: make the whole output folder a link, or name another output`,
    );
  }
};

/**
 * Checks that what stands where the parts of a run would is that of a run, and not of something else that has such names.
 *
 * @throws ERR_ZEST_RUN
 */
export const assertRun = async (run: RunFolder): Promise<void> => {
  if (await isTrajectory(run.trajectory)) return;
  for (const part of [run.trajectory, run.checkpoints, run.metrics, run.summary, run.config]) {
    if (!(await isThere(part)) || (part === run.config && (await isConfig(part)))) continue;
    throw new ZestError(
      'ERR_ZEST_RUN',
      `${part} is there, and ${run.path} has no trajectory of a run; expected the folder of a run, or one without such names: name another output`,
    );
  }
};

/** Removes what says that a run has ended, as it goes on. */
export const reopenRun = async ({ summary, reports, sharpness, sharpnessPage }: RunFolder): Promise<void> => {
  for (const part of [sharpness, sharpnessPage, reports, summary]) await removeAll(part);
};

import { access, appendFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { writeAtomic, writing } from './files.ts';
import type { ResolvedConfig } from './schema.ts';
import { EVENT_FILE_PREFIX } from './tensorboard.ts';

/** Where the parts of a run are. */
export interface RunFolder {
  path: string;
  /** The resolved configuration. */
  config: string;
  /** One JSON object a line: a step or an evaluation. */
  metrics: string;
  /** docs/trajectory.md */
  trajectory: string;
  summary: string;
  checkpoints: string;
}

/** The parts of a run under its folder. */
export const runFolder = (path: string): RunFolder => ({
  path,
  config: join(path, 'config.yaml'),
  metrics: join(path, 'metrics.jsonl'),
  trajectory: join(path, 'trajectory.zest'),
  summary: join(path, 'summary.json'),
  checkpoints: join(path, 'checkpoints'),
});

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Throws ERR_ZEST_RUN if the folder holds a run already. */
export const assertNoRun = async (run: RunFolder): Promise<void> => {
  for (const part of [run.config, run.metrics, run.trajectory, run.summary, run.checkpoints]) {
    if (!(await exists(part))) continue;
    throw new ZestError(
      'ERR_ZEST_RUN',
      `${run.path} holds a run already (${part}); name another folder as output, or replace the run with --overwrite`,
    );
  }
};

/** Begins a run in a folder that is there, in place of what it holds of another. */
export const createRun = async (run: RunFolder, config: ResolvedConfig): Promise<void> => {
  const eventFiles = (await readdir(run.path)).filter((name) => name.startsWith(EVENT_FILE_PREFIX));
  for (const name of eventFiles) await writing(run.path, rm(join(run.path, name)));
  for (const part of [run.summary, run.trajectory, run.metrics, run.checkpoints, run.config]) {
    await writing(part, rm(part, { recursive: true, force: true }));
  }
  const { stringify } = await import('yaml');
  await writeAtomic(run.config, stringify(config));
};

/** Adds a line to metrics.jsonl. */
export const appendMetrics = (run: RunFolder, entry: object): Promise<void> =>
  writing(run.metrics, appendFile(run.metrics, `${JSON.stringify(entry)}\n`));

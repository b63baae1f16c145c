import { ZestError } from '../errors.ts';
import { isThere } from '../files/files.ts';
import { differences } from '../options/differences.ts';
import type { Summary } from '../runs/events.ts';
import { type RunFolder, runFolder } from '../runs/folder.ts';
import { openTrajectory } from '../runs/trajectory.ts';
import type { Metric } from '../tasks/metrics.ts';
import { readJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import { readConfig } from '../training/config.ts';
import { runMetric } from '../training/objective.ts';
import type { ResolvedConfig } from '../training/schema.ts';
import { assertUnchanged, type Digests } from '../training/unchanged.ts';

/**
 * Checks that the run in a folder has the same configuration. Where the folder is does not matter.
 *
 * @throws ERR_ZEST_RUN naming the key that differs
 */
const assertSameConfig = async (file: string, config: ResolvedConfig): Promise<void> => {
  const there: ResolvedConfig = { ...(await readConfig(file)), output: config.output };
  const [first] = differences(there, config);
  if (first === undefined) return;
  throw new ZestError(
    'ERR_ZEST_RUN',
    `${file} has ${first.key} ${show(first.a)} where ${show(first.b)} is asked for; ` +
      'name another output, or remove that run',
  );
};

const isWhole = (summary: Partial<Summary> | null | undefined, metric: Metric): boolean =>
  Number.isSafeInteger(summary?.steps) &&
  Number.isFinite(summary?.validation?.[metric]) &&
  Number.isFinite(summary?.validation?.loss) &&
  summary?.interrupted === false;

/** The summary of a run that got to its end, else undefined. */
export const readFinished = async (config: ResolvedConfig): Promise<Summary | undefined> => {
  const summary = (await readJson(runFolder(config.output).summary)) as Summary | undefined;
  return isWhole(summary, runMetric(config)) ? summary : undefined;
};

/** Whether a run would compute today what it has. */
const isUnchanged = async (run: RunFolder, config: ResolvedConfig, digests: Digests): Promise<boolean> => {
  try {
    const { header } = await openTrajectory(run.trajectory);
    await assertUnchanged(run.path, header, config, digests);
    return true;
  } catch {
    return false;
  }
};

/**
 * The summary of a run if its folder holds it finished, undefined if it is to be run, whatever an earlier sweep left of
 * it: also where its data, its base or the version has changed, since the run itself then says so.
 *
 * @throws ERR_ZEST_RUN if the folder holds a run of another configuration, and without `resume` if it holds one at all
 */
export const finishedSummary = async (
  config: ResolvedConfig,
  { resume, digests }: { resume: boolean; digests: Digests },
): Promise<Summary | undefined> => {
  const run = runFolder(config.output);
  // Of a run that was killed while it replaced another, the configuration may be missing.
  if (!(await isThere(run.config))) return undefined;
  if (!resume) {
    throw new ZestError('ERR_ZEST_RUN', `${run.path} holds a run already; go on with --resume, or name another output`);
  }
  await assertSameConfig(run.config, config);
  const summary = await readFinished(config);
  return summary && (await isUnchanged(run, config, digests)) ? summary : undefined;
};

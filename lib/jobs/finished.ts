import { isDeepStrictEqual } from 'node:util';
import { ZestError } from '../errors.ts';
import { isThere } from '../files.ts';
import { isObject, readJson } from '../json.ts';
import type { Summary } from '../runs/events.ts';
import { runFolder } from '../runs/folder.ts';
import { show } from '../show.ts';
import type { Metric } from '../tasks/metrics.ts';
import { readConfig } from '../training/config.ts';
import { runMetric } from '../training/objective.ts';
import type { ResolvedConfig } from '../training/schema.ts';

/** The path of the first key in which two configurations differ. */
export const differingKey = (a: unknown, b: unknown, path: readonly string[] = []): string | undefined => {
  if (isObject(a) && isObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = differingKey(a[key], b[key], [...path, key]);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return isDeepStrictEqual(a, b) ? undefined : path.join('.');
};

const valueAt = (root: unknown, key: string): unknown =>
  key.split('.').reduce((value, part) => (isObject(value) ? value[part] : undefined), root);

/**
 * Checks that the run in a folder has the same configuration. Where the folder is does not matter.
 *
 * @throws ERR_ZEST_RUN naming the key that differs
 */
const assertSameConfig = async (file: string, config: ResolvedConfig): Promise<void> => {
  const there: ResolvedConfig = { ...(await readConfig(file)), output: config.output };
  const key = differingKey(there, config);
  if (key === undefined) return;
  throw new ZestError(
    'ERR_ZEST_RUN',
    `${file} has ${key} ${show(valueAt(there, key))} where ${show(valueAt(config, key))} is asked for; ` +
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

/**
 * The summary of a run if its folder holds it finished, undefined if it is to be run, whatever an earlier sweep left of
 * it.
 *
 * @throws ERR_ZEST_RUN if the folder holds a run of another configuration, and without `resume` if it holds one at all
 */
export const finishedSummary = async (
  config: ResolvedConfig,
  { resume }: { resume: boolean },
): Promise<Summary | undefined> => {
  const run = runFolder(config.output);
  // Of a run that was killed while it replaced another, the configuration may be missing.
  if (!(await isThere(run.config))) return undefined;
  if (!resume) {
    throw new ZestError('ERR_ZEST_RUN', `${run.path} holds a run already; go on with --resume, or name another output`);
  }
  await assertSameConfig(run.config, config);
  return readFinished(config);
};

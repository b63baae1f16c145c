import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isError, ZestError } from '../errors.ts';
import { isThere } from '../files.ts';
import { notThere } from '../not-there.ts';
import { show } from '../show.ts';
import type { Reward } from './reward.ts';

/** Why a module was not loaded, with the line at fault where Node names it. */
const reason = (error: unknown): string => {
  if (!isError(error)) return show(error);
  const [, line] = error.stack?.match(/^file:.*:(\d+)\n/) ?? [];
  return line === undefined ? error.message : `line ${line}: ${error.name}: ${error.message}`;
};

/**
 * Loads the module of a reward: its default export. Paths are relative to the current directory.
 *
 * @throws ERR_ZEST_CONFIG for a file that is not there, does not load, or exports no function
 */
export const loadReward = async (path: string): Promise<Reward> => {
  const fail = (why: string, cause?: unknown): never => {
    throw new ZestError('ERR_ZEST_CONFIG', `objective.reward: ${path} cannot be used: ${why}`, { cause });
  };
  const file = resolve(path);
  if (!(await isThere(file))) fail(notThere(path));
  const loaded: { default?: unknown } = await import(pathToFileURL(file).href).catch((error) =>
    fail(reason(error), error),
  );
  if (typeof loaded.default === 'function') return loaded.default as Reward;
  return fail(`its default export is ${show(loaded.default)}; expected a function of an answer`);
};

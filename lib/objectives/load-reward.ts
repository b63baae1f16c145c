import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { isError, ZestError } from '../errors.ts';
import { isThere } from '../files/files.ts';
import { notThere } from '../files/not-there.ts';
import { show } from '../text/show.ts';
import type { Reward } from './reward.ts';

/** The line of a module that is not JavaScript, which Node tells on its own command line alone. */
const faultyLine = async (file: string): Promise<string | undefined> => {
  const { stderr } = await promisify(execFile)(process.execPath, ['--check', file]).catch((error) => error);
  return String(stderr).match(/:(\d+)\n/)?.[1];
};

/** Why a module was not loaded. */
const reason = async (error: unknown, file: string): Promise<string> => {
  if (!isError(error)) return show(error);
  const line = error.name === 'SyntaxError' ? await faultyLine(file) : undefined;
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
  const loaded: { default?: unknown } = await import(pathToFileURL(file).href).catch(async (error) =>
    fail(await reason(error, file), error),
  );
  if (typeof loaded.default === 'function') return loaded.default as Reward;
  return fail(`its default export is ${show(loaded.default)}; expected a function of an answer`);
};

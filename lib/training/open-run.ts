import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { isThere } from '../files.ts';
import type { Model } from '../model/model.ts';
import { notThere } from '../not-there.ts';
import type { CallOptions } from '../objective.ts';
import { assertPath, callback, optionsOf, overrides, signal } from '../options/calls.ts';
import type { Progress, Summary, Warning } from '../runs/events.ts';
import { type RunFolder, runFolder } from '../runs/folder.ts';
import type { LoadedTask } from '../tasks/kinds.ts';
import type { Task } from '../tasks/task.ts';
import type { Tokenizer } from '../tasks/tokenizer.ts';
import { loadModel, loadTokenizedTask } from './inputs.ts';
import { UNTRAINED } from './outcome.ts';
import type { ResolvedConfig } from './schema.ts';

/** A configuration, and the weights to use with it. */
export interface RunSource {
  /** File that the configuration is from. */
  file: string;
  config: ResolvedConfig;
  /** Checkpoint that the run kept, with the steps that its weights have seen; absent: the model as it came. */
  kept?: { folder: string; step: number };
  /** What the run was warned of at its end; that nothing was learned, of weights of step 0. */
  warnings: readonly Warning[];
}

/** What a folder without the summary of a run is, and what can be used of it. */
const insteadOf = async ({ path, trajectory, checkpoints }: RunFolder): Promise<string> => {
  const isModel = (folder: string) => isThere(join(folder, 'config.json'));
  if (await isModel(path)) {
    return `. It is the folder of a model, which a configuration names: zest init DATA --model ${path} writes one`;
  }
  if (!(await isThere(trajectory))) return '';
  for (const name of ['best', 'last']) {
    const checkpoint = join(checkpoints, name);
    if (!(await isModel(checkpoint))) continue;
    return `. It goes on, or was killed; what it had saved is the model ${checkpoint}, for zest generate or, without head and adapter, a configuration`;
  }
  return '. It goes on, or was killed before it had saved a checkpoint';
};

/**
 * Finds the checkpoint that a run kept.
 *
 * @throws ERR_ZEST_RUN if the run did not get to its end
 */
const keptCheckpoint = async (path: string): Promise<Required<Pick<RunSource, 'kept' | 'warnings'>>> => {
  const run = runFolder(path);
  try {
    const { kept, warnings = [] }: Summary = JSON.parse(await readFile(run.summary, 'utf8'));
    const { name, step } = kept;
    // Runs of an earlier version have no warnings.
    const untrained = step === 0 && !warnings.some(({ code }) => code === UNTRAINED.code);
    return { kept: { folder: join(run.checkpoints, name), step }, warnings: untrained ? [UNTRAINED] : warnings };
  } catch (cause) {
    const fault = `${path} is not the folder of a run that has ended: it has no good summary.json`;
    throw new ZestError('ERR_ZEST_RUN', `${fault}${await insteadOf(run)}`, { cause });
  }
};

/** Reads the configuration at `path`, the folder of a run or a configuration file, with overrides key.path=value. */
export const findRun = async (path: string, overrides: readonly string[] = []): Promise<RunSource> => {
  const { readConfig } = await import('./config.ts');
  const found = await stat(path).catch(() => undefined);
  if (found === undefined && !/\.(ya?ml|json)$/i.test(path)) {
    throw new ZestError('ERR_ZEST_RUN', `${notThere(path)}; expected the folder of a run, or a configuration`);
  }
  const isRun = found?.isDirectory() ?? false;
  const { kept, warnings } = isRun ? await keptCheckpoint(path) : { warnings: [] };
  const file = isRun ? runFolder(path).config : path;
  return { file, config: await readConfig(file, overrides), kept, warnings };
};

/** Options of {@link openRun}. */
export interface OpenRunOptions extends CallOptions {
  /** Overrides of the configuration, each key.path=value, such as `device=cpu`. Default: none. */
  overrides?: readonly string[];
  /** Called as the weights are read. */
  onProgress?: (progress: Progress) => void;
  /** Called with each {@link Summary.warnings | warning} of the run, before its weights are read. */
  onWarning?: (warning: Warning) => void;
}

/** Checks them. */
export const openRunOptions = optionsOf<OpenRunOptions>({
  signal,
  overrides,
  onProgress: callback,
  onWarning: callback,
});

/** A trained model and its task, ready to be used. */
export interface OpenRun<T extends Task = LoadedTask> {
  /** Configuration of the run with every default filled in. */
  config: ResolvedConfig;
  /** Number of steps that the weights have seen; 0: the model as it came. */
  step: number;
  /** Tokenizer of the model. */
  tokenizer: Tokenizer;
  /** Task that the model was trained for. */
  task: T;
  /** Model with its weights; the caller disposes of it. */
  model: Model;
}

/**
 * Opens the folder of a run that has ended, with the weights that it kept, or a configuration file, with the model as it
 * came. A run's checkpoint is all that is needed: neither its base model nor its data are read.
 *
 * The type of the task is a classification's, unless the call says another: `openRun<GenerationTask>(path)`.
 *
 * @example
 * import { openRun } from 'node-zest';
 * const { model, task } = await openRun('runs/film');
 * const [answer] = await task.classify(model, ['a charming film']);
 * console.log(answer.name, answer.probabilities);
 * model.dispose();
 *
 * @throws ERR_ZEST_RUN for a folder that is no run, or a path that leads nowhere; ERR_ZEST_CONFIG; what loading the task and the model throws
 */
export const openRun = async <T extends Task = LoadedTask>(
  path: string,
  given?: OpenRunOptions,
): Promise<OpenRun<T>> => {
  assertPath(path, 'path');
  const options = openRunOptions(given);
  const { config, kept, warnings } = await findRun(path, options.overrides);
  for (const warning of warnings) options.onWarning?.(warning);
  const { tokenizer, task } = await loadTokenizedTask(config, kept?.folder);
  const model = await loadModel(config, tokenizer, options, kept?.folder);
  return { config, step: kept?.step ?? 0, tokenizer, task: task as unknown as T, model };
};

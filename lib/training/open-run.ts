import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ZestError } from '../errors.ts';
import { ifThere, isThere } from '../files/files.ts';
import { notThere } from '../files/not-there.ts';
import type { Model } from '../model/model.ts';
import type { CallOptions } from '../objective.ts';
import { assertPath, callback, optionsOf, overrides, signal } from '../options/calls.ts';
import type { Progress, Summary, Warning } from '../runs/events.ts';
import { runFolder } from '../runs/folder.ts';
import { type HeldRun, heldRun } from '../runs/replacement.ts';
import type { LoadedTask } from '../tasks/kinds.ts';
import type { Task } from '../tasks/task.ts';
import type { Tokenizer } from '../tasks/tokenizer.ts';
import { somethingElse } from '../text/what-is.ts';
import { checkpointMetadata } from './checkpoints.ts';
import { loadModel, loadTokenizedTask } from './inputs.ts';
import { UNTRAINED } from './outcome.ts';
import type { ResolvedConfig } from './schema.ts';

/** A configuration, and the weights to use with it. */
export interface RunSource {
  /** File that the configuration is from. */
  file: string;
  config: ResolvedConfig;
  /**
   * Checkpoint that the run kept, or has saved so far, with the steps that its weights have seen; absent: the model as
   * it came.
   */
  kept?: { folder: string; step: number };
  /**
   * What the run was warned of at its end; that nothing was learned, of weights of step 0; that it has not ended; that
   * the head of a configuration's model is new.
   */
  warnings: readonly Warning[];
}

type Kept = Required<Pick<RunSource, 'kept' | 'warnings'>>;

/**
 * Finds what a run without a good summary, which goes on or was killed, has saved so far: the best checkpoint, or the last
 * while the best is the model as it came.
 *
 * @throws ERR_ZEST_RUN if it has saved none
 */
const savedCheckpoint = async (run: HeldRun, cause: unknown): Promise<Kept> => {
  const goesOn = `zest train ${run.path} --resume`;
  const none = (fault: string) => new ZestError('ERR_ZEST_RUN', `${run.path} ${fault}`, { cause });
  const saved: { name: string; step: number; folder: string }[] = [];
  for (const name of ['best', 'last']) {
    const found = await checkpointMetadata(run, name);
    if (found) saved.push({ name, step: found.step, folder: join(run.checkpoints, name) });
  }
  const kept = saved.find(({ step }) => step > 0) ?? saved[0];
  if (kept === undefined) {
    if (await isThere(run.trajectory)) {
      throw none(
        `is the folder of a run that goes on, was killed, or failed, and has saved no checkpoint yet; wait for its first one (training.checkpointEvery says when), or go on with it: ${goesOn}`,
      );
    }
    throw none(
      somethingElse(run.path, 'run') ?? 'is not the folder of a run that has ended: it has no good summary.json',
    );
  }
  const { step, folder } = kept;
  const unfinished: Warning = {
    code: 'WARN_ZEST_UNFINISHED',
    message: `the run has not got to its end: it goes on, was killed, or failed; what it has saved is used, the weights of step ${step}${step === 0 ? ', which are those of the model as it came,' : ''} in ${folder}; ${goesOn} goes on with it`,
  };
  return { kept: { folder, step }, warnings: [unfinished] };
};

/**
 * Finds the checkpoint that a run kept.
 *
 * @throws ERR_ZEST_RUN if the run has none
 */
const keptCheckpoint = async (run: HeldRun): Promise<Kept> => {
  const text = (await ifThere(run.summary, readFile(run.summary, 'utf8'))) ?? '';
  try {
    const { kept, warnings = [] }: Summary = JSON.parse(text);
    const { name, step } = kept;
    // Runs of an earlier version have no warnings.
    const untold = step === 0 && warnings.length === 0;
    return { kept: { folder: join(run.checkpoints, name), step }, warnings: untold ? [UNTRAINED] : warnings };
  } catch (cause) {
    return savedCheckpoint(run, cause);
  }
};

/** What is said of a run that another one is to replace. */
const replacedWarnings = ({ path, isReplaced }: HeldRun): Warning[] =>
  isReplaced
    ? [
        {
          code: 'WARN_ZEST_REPLACED',
          message: `another run was begun in place of this one and has no step yet, so that this one is used; zest train ${path} --resume goes on with it, if the other has ended`,
        },
      ]
    : [];

/** What is said of the model of a configuration, as it came, if its head is one that nothing has trained. */
export const newHeadWarnings = async ({ head }: ResolvedConfig, file?: string): Promise<Warning[]> => {
  if (typeof head !== 'object') return [];
  const run = file === undefined ? undefined : dirname(file);
  const isTrained = run !== undefined && (await isThere(runFolder(run).metrics));
  const trained = isTrained ? `; ${run} has what its run learned` : '';
  return [
    {
      code: 'WARN_ZEST_NEW_HEAD',
      message: `the head of this model is new and not trained, so that its answers are chance${trained}`,
    },
  ];
};

/** Reads the configuration at `path`, the folder of a run or a configuration file, with overrides key.path=value. */
export const findRun = async (path: string, overrides: readonly string[] = []): Promise<RunSource> => {
  const { readConfig } = await import('./config.ts');
  const configured = async (file: string) => ({ file, config: await readConfig(file, overrides) });
  const found = await ifThere(path, stat(path));
  if (found === undefined && !/\.(ya?ml|json)$/i.test(path)) {
    const other = somethingElse(path, 'run');
    throw new ZestError(
      'ERR_ZEST_RUN',
      other ? `${path} ${other}` : `${notThere(path)}; expected the folder of a run, or a configuration`,
    );
  }
  if (found?.isDirectory()) {
    const run = await heldRun(path);
    const { kept, warnings } = await keptCheckpoint(run);
    return { kept, warnings: [...replacedWarnings(run), ...warnings], ...(await configured(run.config)) };
  }
  const { file, config } = await configured(path);
  return { file, config, warnings: await newHeadWarnings(config, file) };
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
 * Opens the folder of a run, with the weights that it kept, or has saved so far if it did not get to its end, or a
 * configuration file, with the model as it came. Of a run nothing but its folder is read, apart from the base of one
 * with `training.weights: adapter`, the training data that `data.demonstrations` takes examples from, and a module that
 * the configuration names as its method.
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
 * @throws ERR_ZEST_RUN for a folder that is no run, or a path that leads nowhere; ERR_ZEST_CONFIG; what loading the task
 * and the model throws
 */
export const openRun = async <T extends Task = LoadedTask>(
  path: string,
  given?: OpenRunOptions,
): Promise<OpenRun<T>> => {
  assertPath(path, 'path');
  const options = openRunOptions(given);
  const { config, kept, warnings } = await findRun(path, options.overrides);
  for (const warning of warnings) options.onWarning?.(warning);
  const { tokenizer, task } = await loadTokenizedTask(config, { checkpoint: kept?.folder, signal: options.signal });
  const model = await loadModel(config, tokenizer, options, kept?.folder);
  return { config, step: kept?.step ?? 0, tokenizer, task: task as unknown as T, model };
};

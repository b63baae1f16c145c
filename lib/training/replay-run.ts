import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { disposeOnError } from '../closing.ts';
import { rangeError, ZestError } from '../errors.ts';
import { ifThere, reading, writeAtomic } from '../files/files.ts';
import type { Model } from '../model/model.ts';
import type { CallOptions } from '../objective.ts';
import { assertPath, callback, given, optionsOf, overrides, signal } from '../options/calls.ts';
import { checkedWhole } from '../options/checked-whole.ts';
import { baseDigest } from '../runs/base-digest.ts';
import type { Progress, Summary } from '../runs/events.ts';
import { assertNoPart } from '../runs/folder.ts';
import type { TrajectoryHeader } from '../runs/logged.ts';
import { heldRun } from '../runs/replacement.ts';
import { averaging, leadOn } from '../runs/replay.ts';
import { type OpenTrajectory, openTrajectory } from '../runs/trajectory.ts';
import { encodeHeader, encodeRecord } from '../runs/trajectory-format.ts';
import { isObject, readJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import { resolveConfig } from './config.ts';
import { loadTokenizedTask } from './inputs.ts';
import { loadBase, type RunWeights, weightsAt } from './run-weights.ts';
import type { Config, ResolvedConfig } from './schema.ts';

/** Options of {@link replayRun}. */
export interface ReplayRunOptions extends CallOptions {
  /** Number of steps to take, at most those of the log. Default: all. */
  toStep?: number;
  /** Steps, the first and the last, whose weights the mean is taken of, in place of those of one step. Default: none. */
  average?: readonly [from: number, to: number];
  /** Overrides of the run's configuration, each key.path=value, such as `device=cpu`. Default: none. */
  overrides?: readonly string[];
  /** Called as the weights are read. */
  onProgress?: (progress: Progress) => void;
}

export const replayRunOptions = optionsOf<ReplayRunOptions>({
  signal,
  toStep: given,
  average: given,
  overrides,
  onProgress: callback,
});

/**
 * Checks that a log has the configuration of a run, which says what its base is loaded with.
 *
 * @throws ERR_ZEST_TRAJECTORY
 */
const assertOfRun = (file: string, { config }: TrajectoryHeader): void => {
  if (isObject(config) && typeof config.model === 'string') return;
  throw new ZestError(
    'ERR_ZEST_TRAJECTORY',
    `${file}: is of no run: it has no configuration; replayTrajectory applies it to what it began with`,
  );
};

/** What the weights of a run's log are made from, with the run's configuration as the log has it. */
export const openLog = async (
  file: string,
  change: (config: ResolvedConfig) => ResolvedConfig,
  { overrides, ...options }: Pick<ReplayRunOptions, 'overrides' | 'signal' | 'onProgress'>,
): Promise<RunWeights> => {
  const log = await openTrajectory(file);
  // Who made the updates is not asked again: a log may come from anyone, and name a module as its method.
  assertOfRun(file, log.header);
  const { optimizer: _, ...logged } = log.header.config as unknown as Config;
  const config = change(resolveConfig({ ...logged, optimizer: { method: 'mezo', learningRate: 1e-6 } }, overrides));
  const { tokenizer } = await loadTokenizedTask(config, { signal: options.signal });
  return { config, tokenizer, log, options };
};

/** How many steps a log has. */
export const stepsOf = ({ places }: OpenTrajectory): number => places.length - 1;

/** Checks the steps whose mean is taken, and that it can be. */
const checkedAverage = (average: unknown, log: OpenTrajectory): [number, number] => {
  const steps = stepsOf(log);
  const { rule } = log.header;
  // Such a rule's updates are no sums: a share of a coefficient does not move the weights by that share.
  if (!rule.startsWith('plain')) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `average is ${show(average)}, and the run's rule is ${rule}; expected a run of the plain rule, or the weights of single steps, by toStep, to take the mean of`,
    );
  }
  if (!Array.isArray(average) || average.length !== 2) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `average is ${show(average)}; expected the first and the last step, [0, ${steps}] say`,
    );
  }
  const to = checkedWhole('average[1]', average[1], 0, steps);
  return [checkedWhole('average[0]', average[0], 0, to), to];
};

/** A model with the weights of a step, or the mean of several. */
export interface ReplayedRun {
  /** Model; the caller disposes of it. */
  model: Model;
  /** Step that its weights are of, or the last of those whose mean they are. */
  step: number;
  /** Step of the weights on disk that the log led on from: 0 for the base, or that of a checkpoint. */
  from: number;
  /** Number of bytes at the end of the log that are no whole record, and left out: what a killed process wrote last. */
  tornBytes: number;
}

/**
 * Rebuilds the weights of any step of a run from the newest checkpoint before it, or the base, and the log, bit for bit;
 * or the mean of the weights of a stretch of steps.
 *
 * @example
 * import { replayRun } from 'node-zest';
 * const { model, step } = await replayRun('runs/film', { toStep: 1 });
 * await model.save('after-one-step');
 * console.log(step, await model.digest());
 * model.dispose();
 *
 * @throws ERR_ZEST_TRAJECTORY for a log of other weights or another noise, or that cannot be read; ERR_ZEST_OPTION for
 *   steps that the log does not have; what loading the model throws
 */
export const replayRun = async (path: string, options?: ReplayRunOptions): Promise<ReplayedRun> => {
  assertPath(path, 'path');
  const { toStep, average, ...rest } = replayRunOptions(options);
  const weights = await openLog((await heldRun(path)).trajectory, (config) => ({ ...config, output: path }), rest);
  const { log } = weights;
  if (average === undefined) {
    const step = checkedWhole('toStep', toStep ?? stepsOf(log), 0, stepsOf(log));
    return { ...(await weightsAt(step, weights)), step, tornBytes: log.tornBytes };
  }
  const [first, last] = checkedAverage(average, log);
  const { model, from } = await weightsAt(first, weights);
  await disposeOnError(model, () => leadOn(model, log.header, averaging(log, first, last), rest));
  return { model, from, step: last, tornBytes: log.tornBytes };
};

/** What the header of an exported log has of a configuration: what the updates apply to, and how they were made. */
const shared = ({ model, dtype, head, trainable, adapter, task, optimizer, training }: ResolvedConfig) => ({
  model: basename(model),
  dtype,
  head,
  trainable,
  adapter: adapter && basename(adapter),
  task,
  optimizer,
  training: { seed: training.seed, steps: training.steps, maxLength: training.maxLength },
  data: { train: '-' },
  output: '-',
});

/**
 * Writes a fine-tune as a file of kilobytes: the log of a run with the digest of its base, and without what its
 * configuration says of files, but for the module of a method of one's own. {@link applyLog} makes the weights of it.
 *
 * @example
 * import { exportLog } from 'node-zest';
 * const { steps, bytes } = await exportLog('runs/film', 'film.zest');
 * console.log(steps, bytes);
 *
 * @throws ERR_ZEST_TRAJECTORY, ERR_ZEST_FILE; ERR_ZEST_OPTION for a step that the log does not have
 */
export const exportLog = async (
  path: string,
  file: string,
  given?: Pick<ReplayRunOptions, 'toStep'>,
): Promise<{ steps: number; bytes: number; tornBytes: number }> => {
  assertPath(path, 'path');
  assertPath(file, 'file');
  const { toStep } = replayRunOptions(given);
  const run = await heldRun(path);
  const log = await openTrajectory(run.trajectory);
  await assertNoPart(file);
  // A log alone in its folder is no run's part.
  if ((await ifThere(file, realpath(file))) === (await reading(run.trajectory, realpath(run.trajectory))))
    throw new ZestError('ERR_ZEST_FILE', `${file} is the log that is exported; expected another file to write`);
  const steps = checkedWhole('toStep', toStep ?? stepsOf(log), 0, stepsOf(log));
  const summary = (await readJson(run.summary)) as Summary | undefined;
  const header: TrajectoryHeader = {
    ...log.header,
    config: shared(log.header.config as ResolvedConfig),
    inputs: {},
    ...(summary?.steps === steps && { result: summary.digest }),
  };
  let { bytes, place } = encodeHeader(header);
  const records = [bytes];
  for (const { losses: _, ...update } of log.updates(0, steps)) {
    const { bytes: record, next } = encodeRecord(update, place);
    records.push(record);
    place = next;
  }
  bytes = Buffer.concat(records);
  await writeAtomic(file, bytes);
  return { steps, bytes: bytes.length, tornBytes: log.tornBytes };
};

/**
 * The adapter that a log's base is loaded with is the caller's to give: a log of anyone names no folder to be opened.
 *
 * @throws ERR_ZEST_OPTION
 */
const assertAdapterGiven = (file: string, header: TrajectoryHeader, overrides: readonly string[] = []): void => {
  const { adapter } = Object(header.config) as Partial<ResolvedConfig>;
  if (adapter === undefined || overrides.some((one) => one.startsWith('adapter='))) return;
  throw rangeError(
    'ERR_ZEST_OPTION',
    `${file} is of a model with the adapter ${show(adapter)}; expected the override adapter=FOLDER that says where it is`,
  );
};

/**
 * Rebuilds the weights of a fine-tune from its base and a log, as {@link exportLog} or a run wrote it.
 *
 * @example
 * import { applyLog } from 'node-zest';
 * const { model, step } = await applyLog('film-roberta-mini', 'runs/film/trajectory.zest');
 * console.log(step, await model.digest());
 * model.dispose();
 *
 * @throws ERR_ZEST_TRAJECTORY where the base is another, the log is torn or cannot be read, or the weights are not those
 *   that were exported; what loading the model throws
 */
export const applyLog = async (
  base: string,
  file: string,
  given?: Omit<ReplayRunOptions, 'average'>,
): Promise<ReplayedRun> => {
  assertPath(base, 'base');
  assertPath(file, 'file');
  const { toStep, average: _, ...options } = replayRunOptions(given);
  const { header, tornBytes } = await openTrajectory(file);
  assertOfRun(file, header);
  assertAdapterGiven(file, header, options.overrides);
  const digest = await baseDigest(base, options.signal);
  if (digest !== header.base) {
    const { model: name } = Object(header.config) as ResolvedConfig;
    throw new ZestError(
      'ERR_ZEST_TRAJECTORY',
      `${base} has weights of the digest ${digest}; expected ${header.base}, those of ${name}, which the log is of`,
    );
  }
  // A run that goes on has such an end; a file that was sent has been cut.
  if (tornBytes > 0) {
    throw new ZestError(
      'ERR_ZEST_TRAJECTORY',
      `${file}: ${tornBytes} bytes at its end are no whole record; expected a file that is whole`,
    );
  }
  const weights = await openLog(file, (config) => ({ ...config, model: base }), options);
  const { log } = weights;
  const step = checkedWhole('toStep', toStep ?? stepsOf(log), 0, stepsOf(log));
  return disposeOnError(await loadBase(file, weights), async (model) => {
    await leadOn(model, log.header, log.updates(0, step), options);
    const { result } = header;
    if (result !== undefined && toStep === undefined && (await model.digest()) !== result) {
      throw new ZestError('ERR_ZEST_TRAJECTORY', `${file}: does not lead to the weights that it was exported with`);
    }
    return { model, step, from: 0, tornBytes: 0 };
  });
};

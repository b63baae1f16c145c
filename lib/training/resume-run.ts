import { readFile, stat, truncate } from 'node:fs/promises';
import { closeOnError } from '../closing.ts';
import { ZestError } from '../errors.ts';
import { ifThere, isThere, writing } from '../files/files.ts';
import type { Model } from '../model/model.ts';
import type { ResumeEvent, StepEvent, Summary, TrainOptions, Warning } from '../runs/events.ts';
import { type RunFolder, reopenRun, runFolder, writeConfig } from '../runs/folder.ts';
import { lockFolder } from '../runs/lock.ts';
import type { Place } from '../runs/logged.ts';
import { isReplacing, settleRun } from '../runs/replacement.ts';
import { isTrajectory, openTrajectory, TrajectoryWriter } from '../runs/trajectory.ts';
import { isObject, parseJson, readJson } from '../text/json.ts';
import { settleBest } from './best-checkpoint.ts';
import { readResumable, ruinedBy } from './checkpoints.ts';
import { loadConfig } from './config.ts';
import { prepareRun } from './prepare-run.ts';
import { freshState, type RunState, resumedState } from './run-state.ts';
import { weightsAt } from './run-weights.ts';
import type { Config, ResolvedConfig } from './schema.ts';
import { type RunContext, runContext } from './start-run.ts';
import { type RecordedStep, replaySteps } from './training-loop.ts';
import { assertUnchanged } from './unchanged.ts';

/** A run that goes on. */
export interface ResumedRun {
  context: RunContext;
  state: RunState;
  /** Steps after those of the state, which are taken again as they were recorded. */
  recorded: RecordedStep[];
  event: ResumeEvent;
  /** That the run goes back further than a process that was killed makes it. */
  warning: Warning | undefined;
  /** Whether the metrics have the start of the run. */
  hasStart: boolean;
}

/** The steps of a metrics.jsonl without a gap from the first on, and the byte at which the line of each ends. */
const readSteps = async (file: string): Promise<{ event: StepEvent; end: number }[]> => {
  const bytes = (await ifThere(file, readFile(file))) ?? Buffer.alloc(0);
  const steps: { event: StepEvent; end: number }[] = [];
  for (let start = 0; ; ) {
    const end = bytes.indexOf('\n', start) + 1;
    if (end === 0) return steps;
    const line = parseJson(bytes.toString('utf8', start, end));
    if (isObject(line) && line.kind === 'step' && line.step === steps.length + 1) {
      // JSON has null for what is no number.
      const scalars = Object.entries(line).map(([key, value]) => [key, value === null ? Number.NaN : value]);
      steps.push({ event: Object.fromEntries(scalars) as StepEvent, end });
    }
    start = end;
  }
};

/** What is said where the metrics have fewer steps than the log: one is missing where a process is killed between the two. */
const missingSteps = ({ metrics, trajectory }: RunFolder, steps: number, logged: number): Warning | undefined =>
  logged - steps > 1
    ? {
        code: 'WARN_ZEST_METRICS',
        message: `${metrics} has ${steps} of the ${logged} steps that ${trajectory} has; those that are missing are taken again, to the same weights. If you have the whole file, stop this run, put it back, and go on`,
      }
    : undefined;

/** Puts a run back that was to be replaced when a process was killed, before its configuration is read. */
const putBack = async (run: RunFolder): Promise<void> => {
  if (!(await isReplacing(run.path))) return;
  const lock = await lockFolder(run.path);
  await settleRun(run).finally(() => lock.close());
};

/** The configuration to train with: where a run goes on, its folder stands for the configuration that it began with. */
export const configToTrain = async (
  config: Config | string,
  { overrides = [], resume = false }: Pick<TrainOptions, 'overrides' | 'resume'>,
  option?: string,
): Promise<ResolvedConfig> => {
  const isFolder = typeof config === 'string' && ((await ifThere(config, stat(config)))?.isDirectory() ?? false);
  if (!isFolder || !resume) return loadConfig(config, overrides, option);
  const run = runFolder(config);
  const elsewhere = overrides.find((override) => override.split('=', 1)[0] === 'output');
  if (elsewhere !== undefined) {
    throw new ZestError(
      'ERR_ZEST_CONFIG',
      `${option ?? '--set'} ${elsewhere}: expected no output beside the folder of a run, ${config}, in which it goes on`,
    );
  }
  await putBack(run);
  const own = [...overrides, `output=${JSON.stringify(run.path)}`];
  if (await isThere(run.config)) return loadConfig(run.config, own, option);
  if (await isTrajectory(run.trajectory)) {
    return loadConfig((await openTrajectory(run.trajectory)).header.config as Config, own, option);
  }
  throw new ZestError('ERR_ZEST_RUN', `${config} holds no run; expected the folder of one, or a configuration`);
};

/** Whether a summary is whole, as far as it is used: the run makes another where it is not. */
const isSummary = (value: unknown): value is Summary =>
  isObject(value) &&
  isObject(value.kept) &&
  isObject(value.final) &&
  Array.isArray(value.warnings) &&
  [value.steps, value.forwards, value.seconds].every(Number.isFinite) &&
  typeof value.digest === 'string';

/** The summary of a run that has no more steps to take. */
const summaryOf = async (config: ResolvedConfig): Promise<Summary | undefined> => {
  const summary = await readJson(runFolder(config.output).summary);
  if (!isSummary(summary) || summary.interrupted !== false) return undefined;
  return summary.stoppedEarly || summary.steps >= config.training.steps ? summary : undefined;
};

/**
 * Loads all that a run needs to go on, or the summary of one that has ended; undefined where the folder holds none.
 *
 * @throws ERR_ZEST_RUN if it was begun with something else, or another process has it; ERR_ZEST_TRAJECTORY
 */
export const resumeRun = async (
  config: ResolvedConfig,
  options: TrainOptions,
): Promise<ResumedRun | { summary: Summary } | undefined> => {
  const run = runFolder(config.output);
  if (!(await isThere(run.path))) return undefined;
  const lock = await lockFolder(run.path);
  let writer: TrajectoryWriter | undefined;
  let model: Model | undefined;
  try {
    await settleRun(run);
    if (!(await isTrajectory(run.trajectory))) {
      await lock.close();
      return undefined;
    }
    const log = await openTrajectory(run.trajectory);
    await assertUnchanged(run.path, log.header, config);
    const summary = await summaryOf(config);
    if (summary) {
      await lock.close();
      return { summary };
    }
    const lines = await readSteps(run.metrics);
    const logged = log.places.length - 1;
    const steps = Math.min(lines.length, logged);
    const saved = await readResumable(run);
    const resumable = saved && saved.resumable.step <= steps ? saved.resumable : undefined;
    const from = resumable?.step ?? 0;
    let checkpoint = 0;
    const prepared = await prepareRun(config, options, async (inputs) => {
      const found = await weightsAt(from, { config, tokenizer: inputs.tokenizer, log, options });
      checkpoint = found.from;
      return found.model;
    }).catch((error) => {
      throw ruinedBy(from, error);
    });
    model = prepared.model;
    if (model.device !== log.header.device) {
      throw new ZestError(
        'ERR_ZEST_RUN',
        `${run.path} cannot go on as it began: the device is ${model.device}; expected ${log.header.device}`,
      );
    }
    if (resumable && (await model.digest()) !== saved?.digest) {
      throw new ZestError(
        'ERR_ZEST_TRAJECTORY',
        `${run.trajectory}: does not lead to the weights of step ${from} that ${run.state} tells of`,
      );
    }
    const events = lines.map(({ event }) => event);
    const fresh = freshState(prepared);
    const losses = events.slice(0, from).map(({ meanLoss }) => meanLoss);
    const recorded = [...log.updates(from, steps)].map((update, i) => ({
      update,
      event: events[from + i]!,
    }));
    await writeConfig(run, config);
    await writing(run.trajectory, truncate(run.trajectory, (log.places.at(-1) as Place).at));
    writer = await TrajectoryWriter.open(run.trajectory, log.places[steps]!);
    const written = lines[steps - 1]?.end ?? 0;
    return {
      context: await runContext(prepared, { run, lock, log: writer, written }),
      state: resumable ? resumedState(fresh, resumable, losses) : fresh,
      recorded,
      event: { kind: 'resume', step: steps, checkpoint, tornBytes: log.tornBytes },
      warning: missingSteps(run, steps, logged),
      hasStart: steps > 0,
    };
  } catch (error) {
    await closeOnError([() => model?.dispose(), () => writer?.close(), () => lock.close()]);
    throw error;
  }
};

/** Takes the recorded steps again, and makes the best checkpoint that of the state, if a later one had taken its place. */
export const catchUp = async ({ context, state, recorded }: ResumedRun): Promise<void> => {
  await replaySteps(context, state, recorded);
  await settleBest(context, state);
  await reopenRun(context.run);
};

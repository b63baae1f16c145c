import { copyFile, link, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import {
  flushPath,
  ifThere,
  isThere,
  isUnreadable,
  makeFolder,
  removeLeftovers,
  writeAtomic,
  writing,
} from '../files/files.ts';
import type { Model } from '../model/model.ts';
import { readMetadata } from '../model/safetensors.ts';
import { savedIn } from '../model/save.ts';
import type { CheckpointEvent } from '../runs/events.ts';
import type { RunFolder } from '../runs/folder.ts';
import { decodeResumable, encodeResumable, type RunState } from './run-state.ts';
import type { RunContext } from './start-run.ts';

// A checkpoint is a model folder whose files are replaced one by one, each at once. All but the weights stay the same from
// step to step, and the header of the weights' file says of which step they are: whenever a process is killed, the folder
// is whole. State of a method that is as large as the weights belongs beside them, in a file whose header says its step.

/** Earlier checkpoints that are kept, as step-500. */
const EARLIER = /^step-(\d+)$/;
/** Those that are being made or removed, as .step-500: no checkpoints yet, or any more. */
const UNDER_WAY = /^\.step-\d+$/;

/** What to do about weights that a run has ruined. */
const RUINED_CURE = 'use a smaller optimizer.learningRate. Earlier steps can be had with zest replay --to-step';

/** Whether a loss, or scores, are no numbers. */
export const isNotFinite = (error: unknown): error is ZestError =>
  error instanceof ZestError && error.code === 'ERR_ZEST_LOSS_NOT_FINITE';

/** Says of scores that are not finite, after some steps, that these have ruined the weights: no row is at fault. */
export const ruinedBy = (step: number, error: unknown): unknown =>
  step > 0 && isNotFinite(error)
    ? new ZestError(error.code, `the weights of step ${step} are ruined: ${error.message}; ${RUINED_CURE}`, {
        cause: error,
      })
    : error;

/**
 * Checks that all trained weights are numbers.
 *
 * @throws ERR_ZEST_WEIGHTS_NOT_FINITE
 */
export const assertFinite = async (model: Model, step: number): Promise<void> => {
  const name = await model.notFinite();
  if (name === undefined) return;
  throw new ZestError(
    'ERR_ZEST_WEIGHTS_NOT_FINITE',
    `the weights of step ${step} are not finite (tensor '${name}'), and are not saved; ${RUINED_CURE}`,
  );
};

/**
 * Checks that the weights give an example a loss: finite ones may be so large that they give none.
 *
 * @throws ERR_ZEST_WEIGHTS_NOT_FINITE
 */
const assertUsable = async ({ model, inputs, examples }: RunContext, step: number): Promise<void> => {
  // Data of rewards may have no right answer that a loss is of.
  if (inputs.reward !== undefined) return;
  try {
    await model.evaluate(inputs.answers.batch(examples.slice(0, 1)), [[]]);
  } catch (cause) {
    if (!isNotFinite(cause)) throw cause;
    const message = `the weights of step ${step} give no finite loss, and are not saved; ${RUINED_CURE}`;
    throw new ZestError('ERR_ZEST_WEIGHTS_NOT_FINITE', message, { cause });
  }
};

/** Keeps the last checkpoint as that of its step, and no more earlier ones than are asked for. */
const keepEarlier = async ({ config, run }: RunContext, step: number): Promise<void> => {
  const { keepCheckpoints } = config.training;
  const last = join(run.checkpoints, 'last');
  const kept = join(run.checkpoints, `step-${step}`);
  const removeUnderWay = async () => {
    const left = (await readdir(run.checkpoints)).filter((name) => UNDER_WAY.test(name));
    for (const name of left) await rm(join(run.checkpoints, name), { recursive: true, force: true });
  };
  await removeUnderWay();
  if (keepCheckpoints > 0 && !(await isThere(kept))) {
    // Files are replaced, never written into, so that a second name for one keeps what it is.
    const temporary = join(run.checkpoints, `.step-${step}`);
    await makeFolder(temporary);
    for (const entry of await readdir(last, { withFileTypes: true, recursive: true })) {
      const from = join(entry.parentPath, entry.name);
      const to = join(temporary, from.slice(last.length));
      if (entry.isDirectory()) await makeFolder(to);
      else await link(from, to).catch(() => copyFile(from, to));
    }
    await rename(temporary, kept);
  }
  const steps = (await readdir(run.checkpoints)).flatMap((name) => EARLIER.exec(name)?.[1] ?? []).map(Number);
  for (const old of steps.toSorted((a, b) => b - a).slice(keepCheckpoints)) {
    // At once: a folder whose files go one by one would be a checkpoint that cannot be loaded.
    await rename(join(run.checkpoints, `step-${old}`), join(run.checkpoints, `.step-${old}`));
  }
  await removeUnderWay();
  await flushPath(run.checkpoints);
};

/**
 * Writes the weights with their tokenizer to checkpoints/`name`, after the log that leads to them, and for `last` what a
 * resumed run goes on from.
 *
 * @throws ERR_ZEST_WEIGHTS_NOT_FINITE, before anything is replaced; ERR_ZEST_FILE
 */
export const saveCheckpoint = async (
  context: RunContext,
  { losses, resumable }: Pick<RunState, 'losses' | 'resumable'>,
  name: CheckpointEvent['name'],
): Promise<CheckpointEvent> => {
  const { config, run, log, metrics, model } = context;
  const step = losses.length;
  const folder = join(run.checkpoints, name);
  await assertFinite(model, step);
  // The best one has just been scored.
  if (name === 'last') await assertUsable(context, step);
  await log.flush();
  await metrics.flush();
  const digest = await model.digest();
  const isNew = !(await isThere(folder));
  // Before the weights: those of an earlier step and the log lead to it, and not the other way.
  if (name === 'last' && resumable) await writeAtomic(run.state, encodeResumable(resumable, digest));
  await model.save(folder, { weights: config.training.weights, metadata: { step: String(step), digest } });
  if (isNew) await flushPath(run.checkpoints);
  if (name === 'last') await writing(run.checkpoints, keepEarlier(context, step));
  return { kind: 'checkpoint', step, name, folder };
};

/** Reads what a run goes on from; undefined where there is none, or none that is whole. */
export const readResumable = async ({ state }: RunFolder): Promise<ReturnType<typeof decodeResumable>> =>
  decodeResumable((await ifThere(state, readFile(state, 'utf8'))) ?? '');

/**
 * What the weights of a checkpoint say of themselves; undefined where there are none that do.
 *
 * @throws ERR_ZEST_FILE where they cannot be read
 */
export const checkpointMetadata = async (
  { checkpoints }: RunFolder,
  name: string,
): Promise<{ step: number; digest: string } | undefined> => {
  const folder = join(checkpoints, name);
  const [file] = (await savedIn(folder))?.files ?? [];
  if (file === undefined) return undefined;
  const path = join(folder, file);
  const metadata = await ifThere(path, readMetadata(path)).catch((error) => {
    if (isUnreadable(error)) throw error;
    return undefined;
  });
  const { step, digest } = metadata ?? {};
  return step === undefined ? undefined : { step: Number(step), digest: String(digest) };
};

/** A checkpoint of a run whose weights can be gone on from. */
export interface FoundCheckpoint {
  folder: string;
  step: number;
  digest: string;
}

/** The checkpoints of a run up to a step, the newest first. */
export const findCheckpoints = async (run: RunFolder, upTo: number): Promise<FoundCheckpoint[]> => {
  const found: FoundCheckpoint[] = [];
  await removeLeftovers(run.checkpoints);
  for (const name of (await ifThere(run.checkpoints, readdir(run.checkpoints))) ?? []) {
    if (UNDER_WAY.test(name)) continue;
    const folder = join(run.checkpoints, name);
    await removeLeftovers(folder);
    // One that cannot be read is passed over: others, or the log, lead to the same weights.
    const metadata = await checkpointMetadata(run, name).catch(() => undefined);
    if (metadata && metadata.step <= upTo) found.push({ folder, ...metadata });
  }
  return found.sort((a, b) => b.step - a.step);
};

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disposeAfter } from '../closing.ts';
import { ZestError } from '../errors.ts';
import { ifThere, isThere, isUnreadable } from '../files/files.ts';
import type { Model } from '../model/model.ts';
import { savedIn } from '../model/save.ts';
import { assertPath } from '../options/calls.ts';
import { digestOfFiles } from '../runs/base-digest.ts';
import type { RunFolder } from '../runs/folder.ts';
import { heldRun } from '../runs/replacement.ts';
import { leadOn } from '../runs/replay.ts';
import { isObject, readJson } from '../text/json.ts';
import { checkpointMetadata } from './checkpoints.ts';
import { loadModel } from './inputs.ts';
import { openLog, type ReplayRunOptions, replayRunOptions, stepsOf } from './replay-run.ts';
import { isAdapted, isOf, loadBase, type RunWeights } from './run-weights.ts';

/** A checkpoint of a run beside what its log leads to. */
export interface VerifiedCheckpoint {
  /** Name of its folder in checkpoints/, or `summary` for the digest in summary.json. */
  name: string;
  /** Number of steps that its weights have seen; NaN, null in JSON, where it does not say. */
  step: number;
  /** Whether the log leads to that step; one that lost its end does not. */
  isLogged: boolean;
  /** Whether it has the weights that the log leads to. */
  isRight: boolean;
}

/** What is to be compared with the model of a step. */
interface Claim {
  name: string;
  step: number;
  isOf(model: Model): Promise<boolean>;
}

/** Whether a checkpoint's weights, of which what is trained cannot be told apart, are those that a model would save. */
const isSavedBy = async (model: Model, folder: string, metadata: Record<string, string>): Promise<boolean> => {
  const saved = await savedIn(folder);
  if (saved === undefined) return false;
  const { weights, files } = saved;
  const scratch = await mkdtemp(join(tmpdir(), 'zest-verify-'));
  try {
    await model.save(scratch, { weights, metadata });
    for (const file of files) {
      if ((await digestOfFiles([join(folder, file)])) !== (await digestOfFiles([join(scratch, file)]))) return false;
    }
    return true;
  } finally {
    await rm(scratch, { recursive: true });
  }
};

/** What a checkpoint says of itself, and how it is looked at whether it holds that. */
const claimOf = async (run: RunFolder, name: string, weights: RunWeights): Promise<Claim | undefined> => {
  const { config, tokenizer, log, options } = weights;
  const folder = join(run.checkpoints, name);
  const found = await checkpointMetadata(run, name);
  if (found === undefined) {
    return (await savedIn(folder)) ? { name, step: Number.NaN, isOf: async () => false } : undefined;
  }
  const { step, digest } = found;
  const metadata = { step: String(step), digest };
  if (isAdapted(config)) return { name, step, isOf: (model) => isSavedBy(model, folder, metadata) };
  let isWhole = false;
  try {
    const model = await loadModel(config, tokenizer, options, folder, { isTrained: true });
    isWhole = await disposeAfter(model, () => isOf(log.header, model, digest));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof ZestError) || error.code === 'ERR_ZEST_MEMORY' || isUnreadable(error)) throw error;
  }
  return { name, step, isOf: async (model) => isWhole && (await model.digest()) === digest };
};

const claimsOf = async (run: RunFolder, weights: RunWeights): Promise<Claim[]> => {
  const claims: Claim[] = [];
  for (const name of ((await ifThere(run.checkpoints, readdir(run.checkpoints))) ?? []).sort()) {
    const claim = await claimOf(run, name, weights);
    if (claim) claims.push(claim);
  }
  if (await isThere(run.summary)) {
    const summary = await readJson(run.summary);
    const { steps, digest } = isObject(summary) ? summary : {};
    const step = typeof steps === 'number' ? steps : Number.NaN;
    claims.push({ name: 'summary', step, isOf: async (model) => (await model.digest()) === digest });
  }
  // Those that do not say their step come last.
  return claims.sort((a, b) => (Number.isNaN(a.step) ? 1 : Number.isNaN(b.step) ? -1 : a.step - b.step));
};

/**
 * Checks the checkpoints of a run, and the digest in its summary, against the weights that base and log lead to.
 *
 * @example
 * import { verifyRun } from 'node-zest';
 * for (const { name, step, isRight } of await verifyRun('runs/film')) console.log(name, step, isRight);
 *
 * @throws what `replayRun` throws
 */
export const verifyRun = async (
  path: string,
  given?: Omit<ReplayRunOptions, 'toStep' | 'average'>,
): Promise<VerifiedCheckpoint[]> => {
  assertPath(path, 'path');
  const options = replayRunOptions(given);
  const run = await heldRun(path);
  const weights = await openLog(run.trajectory, (config) => ({ ...config, output: run.path }), options);
  const { log } = weights;
  const claims = await claimsOf(run, weights);
  return disposeAfter(await loadBase(run.trajectory, weights), async (model) => {
    const verified: VerifiedCheckpoint[] = [];
    let at = 0;
    for (const { name, step, isOf } of claims) {
      const isLogged = Number.isSafeInteger(step) && step >= at && step <= stepsOf(log);
      if (isLogged) await leadOn(model, log.header, log.updates(at, step), options);
      at = isLogged ? step : at;
      verified.push({ name, step, isLogged, isRight: isLogged && (await isOf(model)) });
    }
    return verified;
  });
};

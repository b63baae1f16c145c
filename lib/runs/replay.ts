import { rangeError, ZestError } from '../errors.ts';
import type { CallOptions, DirectionOptions, Update } from '../objective.ts';
import type { Part } from '../objectives/part.ts';
import { assertHas, given, optionsOf, signal } from '../options/calls.ts';
import { show } from '../text/show.ts';
import type { TrajectoryHeader } from './logged.ts';
import { type OpenTrajectory, readTrajectory, type Trajectory } from './trajectory.ts';
import { NOISE_VERSION } from './trajectory-format.ts';

/** A model as its run loaded it: `Model` is one. */
export interface Replayable {
  /** Hashes the trainable parameters, or the frozen ones, as `Model.digest` does. */
  digest(part?: Part): Promise<string>;
  /** Updates the trainable parameters. */
  apply(update: Update, options?: DirectionOptions): Promise<void>;
  /** Updates them several times, with the same bits. Default: by {@link apply}. */
  applyAll?(updates: readonly Update[], options?: DirectionOptions): Promise<void>;
}

/**
 * Checks that a log's directions can be made.
 *
 * @throws ERR_ZEST_TRAJECTORY
 */
export const assertNoise = (file: string, { noiseVersion }: TrajectoryHeader): void => {
  if (noiseVersion === NOISE_VERSION) return;
  throw new ZestError(
    'ERR_ZEST_TRAJECTORY',
    `${file}: was made with noise version ${noiseVersion}, this node-zest has version ${NOISE_VERSION}`,
  );
};

/**
 * Checks that a model has the weights that a log begins with, the frozen ones too: updates of an adapter or a head would
 * move any base.
 *
 * @param name what the model is called in the message
 * @throws ERR_ZEST_TRAJECTORY
 */
export const assertBegins = async (
  file: string,
  { config, ...header }: TrajectoryHeader,
  model: Pick<Replayable, 'digest'>,
  name: string,
): Promise<void> => {
  const { model: base } = Object(config);
  const whose = typeof base === 'string' ? `, those of ${base}` : '';
  for (const part of ['trainable', 'frozen'] as const) {
    const expected = header[part];
    const found = expected === undefined ? undefined : await model.digest(part);
    if (found === expected) continue;
    const message = `${file}: begins with other weights than those of ${name}, whose ${part} part has the digest ${found}; expected ${expected}${whose}`;
    throw new ZestError('ERR_ZEST_TRAJECTORY', message);
  }
};

/** Updates that are handed over at a time, after which a signal is heeded. */
const AT_ONCE = 64;

/** Moves a model by updates of a log, one after another. */
export const leadOn = async (
  model: Pick<Replayable, 'apply' | 'applyAll'>,
  { directions: { seed, law } }: TrajectoryHeader,
  updates: Iterable<Update>,
  { signal }: CallOptions,
): Promise<void> => {
  const call = { directions: { seed: BigInt(seed), law }, signal };
  let some: Update[] = [];
  const move = async () => {
    if (model.applyAll) await model.applyAll(some, call);
    else for (const update of some) await model.apply(update, call);
    some = [];
  };
  for (const update of updates) if (some.push(update) === AT_ONCE) await move();
  await move();
};

/**
 * The updates that lead from the weights of a step to the mean of those of it and of all steps up to another: each as
 * much less as it comes later, since the mean has it in as many of its weights. Exact but for rounding without weight
 * decay; with it to the first order in the decay, of what moves meanwhile.
 */
export function* averaging(log: OpenTrajectory, from: number, to: number): Generator<Update, void> {
  const count = to - from + 1;
  let step = from;
  for (const { decay, terms, ...rest } of log.updates(from, to)) {
    const share = (to - step) / count;
    step++;
    yield {
      ...rest,
      decay: share * decay,
      terms: terms.map(({ stream, coefficient }) => ({ stream, coefficient: share * coefficient })),
    };
  }
}

/** Options of {@link replayTrajectory}. */
export interface ReplayOptions extends CallOptions {
  /** Number of steps to take, at most those of the log. Default: all. */
  toStep?: number;
}

const replayOptions = optionsOf<ReplayOptions>({ signal, toStep: given });

/**
 * Applies the updates of a run's log to the model that the run began with, loaded with its `trainable`, `head` and
 * `dtype`: the model then has the run's weights of that step, bit for bit. Resolves to the log. A call that is stopped
 * leaves the weights after as many updates as the model's version says.
 *
 * @example
 * import { Model, replayTrajectory } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * await replayTrajectory(model, 'runs/film/trajectory.zest');
 * const last = await Model.load('runs/film/checkpoints/last');
 * console.log((await model.digest()) === (await last.digest())); // true
 *
 * @throws ERR_ZEST_TRAJECTORY for a log of other weights or another noise, or that cannot be read; ERR_ZEST_OPTION for a
 *   step that the log does not have
 */
export const replayTrajectory = async (
  model: Replayable,
  file: string,
  options?: ReplayOptions,
): Promise<Trajectory> => {
  assertHas(model, 'model', ['digest', 'apply'], 'a Model');
  const { toStep, signal } = replayOptions(options);
  const trajectory = await readTrajectory(file);
  const { header, updates } = trajectory;
  const last = toStep ?? updates.length;
  if (!Number.isSafeInteger(last) || last < 0 || last > updates.length) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `toStep is ${show(toStep)}; expected a whole number from 0 to ${updates.length}`,
    );
  }
  assertNoise(file, header);
  await assertBegins(file, header, model, 'the model');
  await leadOn(model, header, updates.slice(0, last), { signal });
  return trajectory;
};

import type { Directions, Objective } from '../objective.ts';
import { checkedLogged, nativeDirections } from '../objectives/directions.ts';
import { assertHas, assertPath, given, neededOptionsOf } from '../options/calls.ts';
import { withoutMoreOptions } from '../options/no-options.ts';
import { reading } from '../options/reading.ts';
import { version } from '../version.ts';
import type { Replayable } from './replay.ts';
import { TrajectoryWriter } from './trajectory.ts';
import type { LoggedUpdate } from './trajectory-format.ts';
import { NOISE_VERSION } from './trajectory-format.ts';

/** How {@link recordTrajectory} describes a run of one's own. */
export interface RecordOptions {
  /** Directions of the updates: seed and law of the optimizer. */
  directions: Directions;
  /** What made the updates, as JSON: the options of the optimizer, say. Default null. */
  config?: unknown;
}

const recordOptions = neededOptionsOf<RecordOptions>({ directions: given, config: given });

/**
 * Begins a log of a run of one's own, whose updates {@link replayTrajectory} applies again. An objective with `digest`
 * has it: `Model`, or what `blackBox` makes. Replaces a file of that name.
 *
 * @example
 * import { blackBox, mezo, recordTrajectory, replayTrajectory } from 'node-zest';
 * const made = () => blackBox({ parameters: { x: [2] }, evaluate: ({ x: [a, b] }) => (a - 1) ** 2 + b ** 2 });
 * const [bowl, again] = [made(), made()];
 * const log = await recordTrajectory(bowl, 'bowl.zest', { directions: { seed: 7, law: 'gaussian' } });
 * const optimizer = mezo({ learningRate: 0.1, seed: 7 });
 * for (let step = 0; step < 3; step++) await log.append((await optimizer.step(bowl)).update);
 * await log.close();
 * await replayTrajectory(again, 'bowl.zest');
 * console.log((await again.digest()) === (await bowl.digest())); // true
 *
 * @throws ERR_ZEST_FILE; ERR_ZEST_ARGUMENT, ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS
 */
export const recordTrajectory = async (
  objective: Pick<Objective<never>, 'dimension'> & Pick<Replayable, 'digest'>,
  file: string,
  options: RecordOptions,
): Promise<Pick<TrajectoryWriter, 'append' | 'close'>> => {
  assertHas(objective, 'objective', ['digest'], 'a Model, or what blackBox makes');
  assertPath(file, 'file');
  const { directions, config = null } = recordOptions(options);
  nativeDirections(directions);
  const [trainable, frozen] = await Promise.all([objective.digest(), objective.digest('frozen')]);
  const writer = await TrajectoryWriter.create(file, {
    noiseVersion: NOISE_VERSION,
    base: trainable,
    trainable,
    frozen,
    dimension: objective.dimension,
    dtype: 'float32',
    tensors: [],
    directions: { seed: String(directions.seed), law: directions.law },
    method: '',
    rule: 'plain',
    config: reading('config', () => JSON.parse(JSON.stringify(config) ?? 'null')),
    inputs: {},
    device: '',
    version,
  });
  return withoutMoreOptions({
    append: async (update: LoggedUpdate) => writer.append(checkedLogged(update)),
    close: async () => writer.close(),
  });
};

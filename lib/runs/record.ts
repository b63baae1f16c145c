import { rangeError, typeError, ZestError } from '../errors.ts';
import type { Optimizer } from '../methods/optimizer.ts';
import { LOGGED_RULES, type LoggedRule, loggedRule } from '../methods/rule.ts';
import type { Directions, Objective } from '../objective.ts';
import { checkedLogged, nativeDirections } from '../objectives/directions.ts';
import { assertHas, assertPath, given, neededOptionsOf } from '../options/calls.ts';
import { withoutMoreOptions } from '../options/no-options.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { version } from '../version.ts';
import type { LoggedUpdate, TrajectoryHeader } from './logged.ts';
import type { Replayable } from './replay.ts';
import { TrajectoryWriter } from './trajectory.ts';
import { NOISE_VERSION } from './trajectory-format.ts';

/** How {@link recordTrajectory} describes a run of one's own: by its optimizer, or by the directions of its updates. */
export interface RecordOptions {
  /** Optimizer that makes the updates: the log has its directions, its rule and the name of its method. */
  optimizer?: Optimizer;
  /** Directions of the updates, of a run without an optimizer: seed and law. */
  directions?: Directions;
  /** How those updates move the weights: `momentum`, say. An update of another rule is refused. Default `plain`. */
  rule?: LoggedRule;
  /** What made the updates, as JSON: the options of the optimizer, say. Default null. */
  config?: unknown;
}

const recordOptions = neededOptionsOf<RecordOptions>({
  optimizer: given,
  directions: given,
  rule: given,
  config: given,
});

/** An objective whose run is recorded: `Model` is one, and what `blackBox` makes. */
export interface Recordable extends Pick<Objective<never>, 'dimension'>, Pick<Replayable, 'digest'> {
  /** Its parameters in canonical order. Default: the log names none. */
  readonly parameters?: TrajectoryHeader['tensors'];
  /** Type that they are stored in. Default `float32`. */
  readonly dtype?: TrajectoryHeader['dtype'];
  /** Where the losses are computed. Default: the log does not say. */
  readonly device?: string;
}

/** What the header says of the updates. */
const described = (
  options: RecordOptions,
): Required<Pick<RecordOptions, 'directions' | 'rule'>> & { method: string } => {
  const { optimizer, directions, rule = 'plain' } = options;
  if (optimizer !== undefined) {
    assertHas(optimizer, 'optimizer', ['step', 'state'], 'what mezo or another method makes');
    const surplus = (['directions', 'rule'] as const).find((key) => options[key] !== undefined);
    if (surplus === undefined && LOGGED_RULES.includes(optimizer.rule)) return optimizer;
    if (surplus === undefined) {
      const message = `optimizer.rule is ${show(optimizer.rule)}; expected one of ${LOGGED_RULES.join(', ')}, as mezo or another method has it`;
      throw rangeError('ERR_ZEST_OPTION', message);
    }
    const message = `${surplus} is ${show(options[surplus])}; expected none beside an optimizer, which has its own`;
    throw rangeError('ERR_ZEST_OPTION', message);
  }
  if (directions === undefined)
    throw typeError('ERR_ZEST_OPTION', 'optimizer is missing; expected one, or the directions of the updates');
  if (!LOGGED_RULES.includes(rule))
    throw rangeError('ERR_ZEST_OPTION', `rule is ${show(rule)}; expected one of ${LOGGED_RULES.join(', ')}`);
  return { directions, rule, method: '' };
};

/**
 * Refuses an update that a reader could not replay by what the header says.
 *
 * @throws ERR_ZEST_UPDATE
 */
const assertSaid = ({ rule, anchored, curvature, vector }: LoggedUpdate, said: string): void => {
  const fault = (found: string): never => {
    throw new ZestError('ERR_ZEST_UPDATE', found);
  };
  for (const [key, value] of Object.entries({ curvature, vector }))
    if (value !== undefined) fault(`update has a ${key}; expected none: a log does not hold it`);
  const [name, isAnchored] = said.split(' ');
  const found = loggedRule(rule?.name ?? 'plain', anchored === true);
  if ((rule === undefined || rule.name === name) && (anchored !== true || isAnchored !== undefined)) return;
  fault(
    `update moves the weights by the rule '${found}', and the log is of '${said}'; begin the log with the optimizer that makes the updates, or with rule: '${found}'`,
  );
};

/** A copy of an update, which is written when its turn comes, whatever becomes of it until then. */
const asItIs = ({ terms, rule, radii, losses, ...rest }: LoggedUpdate): LoggedUpdate => ({
  ...rest,
  terms: terms.map((term) => ({ ...term })),
  ...(rule && { rule: { ...rule } }),
  ...(radii && { radii: [...radii] }),
  ...(losses && { losses: [...losses] }),
});

/**
 * Begins a log of a run of one's own, whose updates {@link replayTrajectory} applies again. An objective with `digest`
 * has it: `Model`, or what `blackBox` makes. Replaces a file of that name. Updates are written in the order of the calls
 * of `append`; where one cannot be written, those that wait behind it are not, either.
 *
 * @example
 * import { blackBox, mezo, recordTrajectory, replayTrajectory } from 'node-zest';
 * const made = () => blackBox({ parameters: { x: [2] }, evaluate: ({ x: [a, b] }) => (a - 1) ** 2 + b ** 2 });
 * const [bowl, again] = [made(), made()];
 * const optimizer = mezo({ learningRate: 0.1, seed: 7 });
 * const log = await recordTrajectory(bowl, 'bowl.zest', { optimizer });
 * for (let step = 0; step < 3; step++) await log.append((await optimizer.step(bowl)).update);
 * await log.close();
 * await replayTrajectory(again, 'bowl.zest');
 * console.log((await again.digest()) === (await bowl.digest())); // true
 *
 * @throws ERR_ZEST_FILE; ERR_ZEST_ARGUMENT, ERR_ZEST_OPTION, ERR_ZEST_DIRECTIONS; `append` rejects with ERR_ZEST_UPDATE
 *   for an update of another rule than the log's
 */
export const recordTrajectory = async (
  objective: Recordable,
  file: string,
  options: RecordOptions,
): Promise<Pick<TrajectoryWriter, 'append' | 'close'>> => {
  assertHas(objective, 'objective', ['digest'], 'a Model, or what blackBox makes');
  assertPath(file, 'file');
  const { config = null, ...run } = recordOptions(options);
  const { directions, rule, method } = described(run);
  nativeDirections(directions);
  const [trainable, frozen] = await Promise.all([objective.digest(), objective.digest('frozen')]);
  const { dimension, dtype = 'float32', parameters = [], device = '' } = objective;
  const writer = await TrajectoryWriter.create(file, {
    noiseVersion: NOISE_VERSION,
    base: trainable,
    trainable,
    frozen,
    dimension,
    dtype,
    tensors: parameters,
    directions: { seed: String(directions.seed), law: directions.law },
    method,
    rule,
    config: readArgument('config', () => JSON.parse(JSON.stringify(config) ?? 'null')),
    inputs: {},
    device,
    version,
  });
  return withoutMoreOptions({
    append: async (update: LoggedUpdate) => {
      const checked = asItIs(checkedLogged(update));
      assertSaid(checked, rule);
      await writer.append(checked);
    },
    close: async () => writer.close(),
  });
};

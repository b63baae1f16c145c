import { unlessAborted } from '../abort.ts';
import { isError, typeError, ZestError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { mean } from '../numbers/statistics.ts';
import type { CallOptions, EvaluationOptions, Objective, Point } from '../objective.ts';
import { callback, optionsOf } from '../options/calls.ts';
import type { Example, Task } from '../tasks/task.ts';
import { show } from '../text/show.ts';
import { derived, type OwnLosses } from './derived.ts';
import { assertModel, assertTask, checkedExamples, type Examples } from './examples.ts';
import { answeringAt, type Decoding, modelAt } from './model-at.ts';
import { decoding, onError } from './options.ts';

/**
 * What a model answers to an example, as `zest predict` prints it: `{ answer }` of a text, `{ label, probabilities }`
 * of a label.
 */
// biome-ignore lint/suspicious/noExplicitAny: each kind of task has answers of its own.
export type Answer = any;

/** Says how good an answer is: the larger the better. What it gets is its own copy, or frozen. */
export type Reward = (answer: Answer, example: Readonly<Example>, call: CallOptions) => number | PromiseLike<number>;

/** Options of {@link rewardObjective}; those of generation replace the task's. */
export interface RewardOptions extends Decoding {
  /**
   * What comes of a reward that throws, rejects or is no finite number: an error that names example and point, or the
   * example is left out, at all points of the call or step alike: a step that has it at other points already begins
   * anew. Default `throw`.
   */
  onError?: 'throw' | 'skip';
  /** Called with the error of each example that is left out. */
  onSkip?: (error: ZestError) => void;
}

const rewardOptions = optionsOf<RewardOptions>({
  onError,
  onSkip: callback,
  ...decoding,
});

const deepFrozen = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFrozen(inner);
  return Object.freeze(value);
};

const rewardError = (example: Example, point: Point, fault: string, cause?: unknown): ZestError =>
  new ZestError('ERR_ZEST_REWARD', `the reward of ${example.source} at ${answeringAt(point)} ${fault}`, { cause });

interface Rewarded {
  answer: Answer;
  example: Example;
  point: Point;
}

/** The reward of one answer, or the error that it is. */
const rewardOf = async (
  reward: Reward,
  { answer, example, point }: Rewarded,
  signal: AbortSignal | undefined,
): Promise<number | ZestError> => {
  let value: unknown;
  try {
    value = await reward(answer, example, { signal });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    return rewardError(example, point, `threw: ${isError(cause) ? cause.message : show(cause)}`, cause);
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return rewardError(example, point, `is ${show(value)}; expected a finite number`);
};

/** The rewards of answers, asked for all at once, as long as the signal is not aborted. */
export const rewardsOf = (
  reward: Reward,
  rewarded: readonly Rewarded[],
  signal: AbortSignal | undefined,
): Promise<(number | ZestError)[]> =>
  unlessAborted(Promise.all(rewarded.map((one) => rewardOf(reward, one, signal))), signal);

/** The indices of examples that a call or a step leaves out, by the batch that it evaluates. */
type LeftOut = Map<Examples, Set<number>>;

/** Most times that a step begins anew: rewards that still fail then go on failing. */
const MOST_BEGINNINGS = 100;

/** Thrown where an example drops out of a step that has evaluated it at other points. */
class LateFailure extends ZestError {
  constructor() {
    super('ERR_ZEST_REWARD', 'a reward failed that had not failed at other points of the step, which begins anew');
  }
}

/**
 * Makes an objective of a reward: at each point the model answers every example of the batch, with the same prompts and
 * the same decoding, a function says how good each answer is, and the loss is minus the mean. Nothing has to have a
 * gradient: count letters, parse JSON, run a test, ask another model. Batches are lists of examples of the task; they
 * need no right answer.
 *
 * Answers are those that `zest predict` gives: `{ answer }` for a text that was written, `{ label, probabilities }` for a
 * label. All answers of a point are rewarded at once.
 *
 * @example
 * import { loadTask, Model, rewardObjective, Tokenizer, zest } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const sure = rewardObjective(model, task, ({ probabilities }) => Math.max(...Object.values(probabilities)));
 * const { meanLoss } = await zest({ learningRate: 1e-4 }).step(sure, [{ sentence: 'a charming film' }]);
 * console.log(meanLoss < -0.5); // true
 *
 * @throws ERR_ZEST_ARGUMENT for what is no function, ERR_ZEST_OPTION; its calls reject with ERR_ZEST_REWARD naming example
 * and point, ERR_ZEST_VERSION, and what the task says of examples
 */
export const rewardObjective = (
  model: Model,
  task: Task,
  reward: Reward,
  options?: RewardOptions,
): Objective<Examples> => {
  assertModel(model);
  assertTask(task);
  if (typeof reward !== 'function')
    throw typeError('ERR_ZEST_ARGUMENT', `reward is ${show(reward)}; expected a function of an answer`);
  const { onError: failure = 'throw', onSkip, ...own } = rewardOptions(options);

  /** The rewards at one point: one an example. */
  const rewardsAt = async (
    examples: readonly Example[],
    shown: readonly Example[],
    point: Point,
    { signal, directions, microBatch }: EvaluationOptions,
  ): Promise<(number | ZestError)[]> => {
    const at = modelAt(model, point, { directions, ...own });
    const answers = await task.answers(at, examples, { signal, batchSize: microBatch ?? examples.length });
    return rewardsOf(
      reward,
      answers.map((answer, i) => ({ answer, example: shown[i]!, point })),
      signal,
    );
  };

  /** Losses of each example at each point; NaN for those that are left out. */
  const lossesAt = async (
    batch: Examples,
    points: readonly Point[],
    call: EvaluationOptions,
    leftOut: LeftOut,
  ): Promise<Float64Array[]> => {
    const examples = checkedExamples(task, batch, { unlabelled: true });
    const shown = examples.map((example) => deepFrozen(structuredClone({ ...example })));
    const known = leftOut.get(batch);
    const left = new Set(known);
    const all: Float64Array[] = [];
    for (const point of points) {
      const rewards = await rewardsAt(examples, shown, point, call);
      for (const [i, value] of rewards.entries()) {
        if (typeof value === 'number' || left.has(i)) continue;
        if (failure === 'throw') throw value;
        left.add(i);
        onSkip?.(value);
      }
      all.push(Float64Array.from(rewards, (value) => (typeof value === 'number' ? 0 - value : Number.NaN)));
    }
    if (left.size === examples.length)
      throw new ZestError('ERR_ZEST_REWARD', `the rewards of all ${examples.length} examples of the step failed`);
    leftOut.set(batch, left);
    if (known && left.size > known.size) throw new LateFailure();
    for (const losses of all) for (const i of left) losses[i] = Number.NaN;
    return all;
  };

  const combine = (losses: Float64Array) => mean([...losses].filter((loss) => !Number.isNaN(loss)));

  /** The losses of calls that leave the same examples out, or each its own. */
  const lossesOf = (leftOut: () => LeftOut): OwnLosses<Examples> => ({
    sequenceLosses: (batch, points, call) => lossesAt(batch, points, call, leftOut()),
    combine,
    async evaluate(batch, points, call) {
      return Float64Array.from(await lossesAt(batch, points, call, leftOut()), combine);
    },
  });

  /**
   * Does work that leaves the same examples out throughout, such as a step of several rounds: where another one drops
   * out of what was evaluated at other points, it begins anew without it.
   */
  const exclusively = async <T>(work: (alone: Objective<Examples>) => Promise<T>): Promise<T> => {
    const leftOut: LeftOut = new Map();
    const of = derived(
      model,
      lossesOf(() => leftOut),
    );
    let { version } = of;
    let isMoved = false;
    const at = (call: EvaluationOptions | undefined) => ({ ...call, atVersion: call?.atVersion ?? version });
    const alone: Objective<Examples> = {
      dimension: of.dimension,
      get version() {
        return of.version;
      },
      evaluate: async (batch, points, call) => of.evaluate(batch, points, at(call)),
      sequenceLosses: async (batch, points, call) => of.sequenceLosses!(batch, points, at(call)),
      combine,
      async apply(update, call) {
        await of.apply(update, call);
        version = of.version;
        isMoved = true;
        leftOut.clear();
      },
    };
    for (let begun = 1; ; begun++) {
      try {
        return await work(alone);
      } catch (error) {
        if (!(error instanceof LateFailure)) throw error;
        if (begun === MOST_BEGINNINGS) {
          throw new ZestError('ERR_ZEST_REWARD', `rewards failed late in each of ${begun} beginnings of the step`);
        }
        if (isMoved)
          throw new ZestError('ERR_ZEST_REWARD', 'a reward failed after an update, where the work cannot begin anew');
      }
    }
  };

  return derived(model, { ...lossesOf(() => new Map()), exclusively });
};

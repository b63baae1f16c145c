import { ZestError } from '../errors.ts';
import type { StepCallOptions } from '../methods/optimizer.ts';
import { deviation, mean } from '../numbers/statistics.ts';
import type { Objective } from '../objective.ts';
import type { Example } from '../tasks/task.ts';
import { configuredOptimizer } from './configured-optimizer.ts';
import type { ResolvedConfig } from './schema.ts';

/** Steps of a run that are followed, after those of its warm-up; all of a shorter run. */
const STRETCH = 50;
/** Standard errors beyond which a change of the loss is no chance. */
const ERRORS = 2;

/** First steps of the run itself, taken at a learning rate. */
export interface FollowedRate {
  /** Learning rate of the steps, before the schedule. */
  learningRate: number;
  /** Number of steps taken; the last one's losses may not have been finite. */
  steps: number;
  /** Change of the mean loss over those steps, in nats; Infinity where a loss is not finite. */
  change: number;
  /** Standard error of the change. */
  changeError: number;
  /** What the run's losses may rise by over those steps, at this rate, if costs go with its square. */
  allowed: number;
}

/** A batch with the loss of the model as it came. */
export interface JudgingBatch {
  heldOut: readonly Example[];
  loss: number;
}

/** How many steps of a run are followed. */
export const followedSteps = ({ training, optimizer }: ResolvedConfig): number =>
  Math.min(training.steps, optimizer.warmupSteps + STRETCH);

/** Takes the first steps of a run, which its model then has seen, and scores them on some batches. */
export const followRate = async (
  config: ResolvedConfig,
  objective: Objective<readonly Example[]>,
  {
    batchOf,
    judges,
    allowed,
  }: { batchOf(step: number): readonly Example[]; judges: readonly JudgingBatch[]; allowed: number },
  call: StepCallOptions,
): Promise<FollowedRate> => {
  const { learningRate } = config.optimizer;
  const optimizer = configuredOptimizer(config);
  let steps = 0;
  try {
    for (; steps < followedSteps(config); steps++) await optimizer.step(objective, batchOf(steps), call);
    const changes: number[] = [];
    for (const { heldOut, loss } of judges) {
      const [after] = await objective.evaluate(heldOut, [[]], { signal: call.signal });
      changes.push((after as number) - loss);
    }
    const changeError = deviation(changes) / Math.sqrt(changes.length);
    return { learningRate, steps, change: mean(changes), changeError, allowed };
  } catch (error) {
    if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_LOSS_NOT_FINITE') throw error;
    return { learningRate, steps, change: Number.POSITIVE_INFINITY, changeError: 0, allowed };
  }
};

/** Whether the loss rose by no more than it may, or than its noise. */
export const holds = ({ change, changeError, allowed }: FollowedRate): boolean =>
  change <= Math.max(allowed, ERRORS * changeError);

/** Whether the loss may as well not have changed. */
export const isWithinNoise = ({ change, changeError }: FollowedRate): boolean =>
  Math.abs(change) <= ERRORS * changeError;

/** Whether the loss fell, by more than chance. */
export const falls = ({ change, changeError }: FollowedRate): boolean => change < -ERRORS * changeError;

import type { ZestError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import type { Objective } from '../objective.ts';
import { loadReward } from '../objectives/load-reward.ts';
import { type MetricChoice, metricObjective } from '../objectives/metric.ts';
import type { Decoding } from '../objectives/model-at.ts';
import { decoding, type ObjectiveConfig } from '../objectives/options.ts';
import type { Reward } from '../objectives/reward.ts';
import { rewardObjective } from '../objectives/reward.ts';
import { taskLoss } from '../objectives/task-loss.ts';
import { exampleTilt, groupTilt } from '../objectives/tilt.ts';
import { firstMetric } from '../tasks/load.ts';
import type { Metric } from '../tasks/metrics.ts';
import type { Example, Task } from '../tasks/task.ts';
import type { ResolvedConfig } from './schema.ts';

/** What a run learns from, in memory before its model is. */
export interface Learned {
  /** Function of `objective.reward`. */
  reward?: Reward;
  /** Task whose answers are rewarded or measured. */
  answers: Task;
  /** Group of each training example, by its source. */
  groups: ReadonlyMap<string, string>;
}

/** What decides which weights of a run are best: its task's first metric, or its reward. */
export const runMetric = ({ task, objective }: Pick<ResolvedConfig, 'task' | 'objective'>): Metric =>
  objective?.reward === undefined ? firstMetric(task) : 'reward';

/** Loads the reward of a configuration, where it has one. */
export const configuredReward = async ({ objective }: ResolvedConfig): Promise<Reward | undefined> =>
  objective?.reward === undefined ? undefined : loadReward(objective.reward);

/** The options of generation among those of an objective. */
export const decodingOf = (config: ObjectiveConfig): Decoding =>
  Object.fromEntries(
    Object.entries(config).filter(([key, value]) => key in decoding && value !== undefined),
  ) as Decoding;

/** The objective of a configuration, over its model: batches are examples. */
export const configuredObjective = (
  { objective = {} }: ResolvedConfig,
  model: Model,
  { reward, answers, groups }: Learned,
  onSkip?: (error: ZestError) => void,
): Objective<readonly Example[]> => {
  const { metric, onError, exampleTilt: s, groupTilt: overGroups } = objective;
  const plain: Objective<readonly Example[]> =
    reward !== undefined
      ? rewardObjective(model, answers, reward, { onError, onSkip, ...decodingOf(objective) })
      : metric !== undefined
        ? metricObjective(model, answers, metric as MetricChoice)
        : taskLoss(model, answers);
  if (s !== undefined) return exampleTilt(plain, s);
  if (overGroups === undefined) return plain;
  return groupTilt(plain, overGroups, (batch) => batch.map(({ source }) => groups.get(source)!));
};

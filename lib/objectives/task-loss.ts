import type { Model } from '../model/model.ts';
import type { Objective } from '../objective.ts';
import type { Example, Task } from '../tasks/task.ts';

/** The loss that a task trains a model by, cross-entropy of most, of batches of its examples. */
export const taskLoss = (model: Model, task: Task): Objective<readonly Example[]> => ({
  dimension: model.dimension,
  trainableNames: model.trainableNames,
  get version() {
    return model.version;
  },
  evaluate: async (examples, points, options) => model.evaluate(task.batch(examples), points, options),
  sequenceLosses: async (examples, points, options) => model.sequenceLosses(task.batch(examples), points, options),
  apply: (update, options) => model.apply(update, options),
  direction: (stream, name, options) => model.direction(stream, name, options),
  exclusively: (work) =>
    model.exclusively((alone) =>
      work({
        dimension: alone.dimension,
        get version() {
          return alone.version;
        },
        evaluate: async (examples, points, options) => alone.evaluate(task.batch(examples), points, options),
        apply: (update, options) => alone.apply(update, options),
      }),
    ),
});

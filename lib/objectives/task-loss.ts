import type { Batch } from '../model/batch.ts';
import type { Model } from '../model/model.ts';
import type { NameOf } from '../native/names.ts';
import type { Objective } from '../objective.ts';
import type { Example, Task } from '../tasks/task.ts';

/** The loss that a task trains a model by, cross-entropy of most, of batches of its examples. */
export const taskLoss = (model: Model, task: Task): Objective<readonly Example[]> => {
  const made = new WeakMap<readonly Example[], Batch>();
  const batchOf = (examples: readonly Example[]): Batch => {
    const batch = made.get(examples) ?? task.batch(examples);
    made.set(examples, batch);
    return batch;
  };
  return {
    dimension: model.dimension,
    trainableNames: model.trainableNames,
    get stateNames() {
      return model.stateNames;
    },
    state: (name, parameter) => model.state(name as NameOf<'state'>, parameter),
    restoreState: (name, parameter, values) => model.restoreState(name as NameOf<'state'>, parameter, values),
    get version() {
      return model.version;
    },
    prepare: batchOf,
    evaluate: async (examples, points, options) => model.evaluate(batchOf(examples), points, options),
    sequenceLosses: async (examples, points, options) => model.sequenceLosses(batchOf(examples), points, options),
    apply: (update, options) => model.apply(update, options),
    direction: (stream, name, options) => model.direction(stream, name, options),
    exclusively: (work) =>
      model.exclusively((alone) =>
        work({
          dimension: alone.dimension,
          get version() {
            return alone.version;
          },
          evaluate: async (examples, points, options) => alone.evaluate(batchOf(examples), points, options),
          sequenceLosses: async (examples, points, options) =>
            alone.sequenceLosses!(batchOf(examples), points, options),
          apply: (update, options) => alone.apply(update, options),
        }),
      ),
  };
};

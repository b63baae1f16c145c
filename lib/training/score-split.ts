import type { EvaluationEvent, TrainOptions } from '../runs/events.ts';
import type { Score, Scorer } from '../tasks/task.ts';
import type { Experiment } from './inputs.ts';

/** Scores a model on the validation or the test examples. */
export const scoreSplit = (
  { task, ...examples }: Experiment,
  model: Scorer,
  split: EvaluationEvent['split'],
  { signal, onProgress }: TrainOptions,
): Promise<Score> =>
  task.score(model, examples[split], {
    signal,
    onProgress: (done, total) => onProgress?.({ stage: split, done, total }),
  });

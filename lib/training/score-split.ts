import type { Score, Scorer } from '../text/task.ts';
import type { EvaluationEvent, TrainOptions } from './events.ts';
import type { Experiment } from './experiment.ts';

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

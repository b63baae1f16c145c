import { z } from 'zod';
import { callback, flag, given, neededOptionsOf, optionalCount, optionsOf, signal } from '../options/calls.ts';
import type { AnswerOptions, Outcomes, Sampling } from './task.ts';

// What the methods of every task take.

export const exampleOptions = optionsOf<{ unlabelled?: boolean }>({ unlabelled: flag });

export const holdOutOptions = neededOptionsOf<{ share: number; seed: number }>({
  share: z.number().min(0).max(1),
  seed: given,
});

export const samplingOptions = neededOptionsOf<Sampling>({ shots: given, labelNoise: given, seed: given });

const answer = optionsOf<AnswerOptions>({
  signal,
  batchSize: optionalCount,
  onProgress: callback,
  onExample: callback,
  outcomes: given,
});

/** The options of scoring and answering; the task's own outcomes are checked where they are used. */
export const answerOptions = <O extends Outcomes>(options: AnswerOptions<O> | undefined): AnswerOptions<O> =>
  answer(options) as AnswerOptions<O>;

import { rangeError } from '../errors.ts';
import type { Batch, Target } from '../model/batch.ts';
import { evaluationBatchSize, type ScoreOptions } from './task.ts';

/** A sequence as the model sees it, and what is asked of it. */
export interface AskedSequence {
  ids: readonly number[] | Int32Array;
  /** Absent where all are 0. */
  segments?: Int32Array;
  target: Target;
}

/** Puts sequences into a batch. */
export const batchOf = (asked: readonly AskedSequence[]): Batch => {
  const batch: Batch = { sequences: asked.map(({ ids }) => ids), targets: asked.map(({ target }) => target) };
  if (asked.every(({ segments }) => segments === undefined)) return batch;
  return { ...batch, segments: asked.map(({ ids, segments }) => segments ?? new Int32Array(ids.length)) };
};

/**
 * Answers examples, a batch at a time: `respond` gives one answer an example, in order.
 *
 * @throws ERR_ZEST_BATCH_EMPTY where there are none, the reason of the signal
 */
export async function* responses<E, A>(
  examples: readonly E[],
  { batchSize = evaluationBatchSize, signal, onProgress }: ScoreOptions,
  respond: (part: readonly E[]) => Promise<readonly A[]>,
): AsyncGenerator<[example: E, answer: A]> {
  if (examples.length === 0) throw rangeError('ERR_ZEST_BATCH_EMPTY', 'there are no examples to score');
  for (let start = 0; start < examples.length; start += batchSize) {
    signal?.throwIfAborted();
    const part = examples.slice(start, start + batchSize);
    const answers = await respond(part);
    for (const [i, example] of part.entries()) yield [example, answers[i] as A];
    onProgress?.(start + part.length, examples.length);
  }
}

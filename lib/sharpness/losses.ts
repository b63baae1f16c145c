import { throwIfAborted } from '../abort.ts';
import { rangeError, ZestError } from '../errors.ts';
import type { CallOptions, Objective, Point } from '../objective.ts';
import { assertFinite, checkedLosses } from '../objectives/checked-results.ts';
import { assertList, callback, signal, stream } from '../options/calls.ts';
import { checkedWhole } from '../options/checked-whole.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { DEFAULTS } from './defaults.ts';

/** Options of every measurement. */
export interface MeasureOptions extends CallOptions {
  /**
   * First of the streams whose directions are drawn. Default 2⁶²: far from those of any run, so that what is
   * measured does not lie along the very directions that a run with the same seed has moved in.
   */
  firstStream?: bigint;
  /** Called with the number of forwards done since the last call. A forward is a point evaluated on all batches. */
  onForwards?: (count: number) => void;
}

/** The schemas of {@link MeasureOptions}. */
export const measureShape = { signal, firstStream: stream, onForwards: callback };

/** The loss at points. */
export type LossesAt = (points: readonly Point[]) => Promise<Float64Array>;

/** Points between two looks at the signal and two reports of progress. */
const POINTS_OF_CALL = 8;

/** The number of sequences of a batch, or of examples of one that is a list. */
const weightOf = (batch: unknown): number => {
  if (Array.isArray(batch)) return batch.length;
  return (batch as { sequences?: readonly unknown[] } | undefined)?.sequences?.length ?? 1;
};

/**
 * The loss of one batch, or the mean over several, each with the weight of its sequences or examples, at points around
 * the weights as they are now: evaluations reject with ERR_ZEST_VERSION once they are others. A loss that is not finite is
 * an error, ERR_ZEST_LOSS_NOT_FINITE, or NaN with `keepNotFinite`.
 */
export const lossesAround = <B>(
  objective: Objective<B>,
  batch: B | readonly B[],
  { signal, onForwards, keepNotFinite = false }: MeasureOptions & { keepNotFinite?: boolean },
): LossesAt => {
  const isList = readArgument('batch', () => Array.isArray(batch));
  if (isList) assertList(batch, 'batch', 'batches');
  const batches = (isList ? batch : [batch]) as readonly B[];
  if (batches.length === 0) throw rangeError('ERR_ZEST_BATCH_EMPTY', 'there are no batches to measure on');
  const weights = readArgument('batch', () => batches.map(weightOf));
  const totalWeight = weights.reduce((a, b) => a + b);
  if (totalWeight === 0) throw rangeError('ERR_ZEST_BATCH_EMPTY', 'there is nothing in the batches to measure on');
  const atVersion = objective.version;

  const evaluate = async (batch: B, points: readonly Point[]): Promise<Float64Array> => {
    try {
      const losses = checkedLosses(await objective.evaluate(batch, points, { signal, atVersion }), points);
      if (keepNotFinite) return losses.map((loss) => (Number.isFinite(loss) ? loss : Number.NaN));
      assertFinite(losses, points);
      return losses;
    } catch (error) {
      if (!keepNotFinite || !(error instanceof ZestError) || error.code !== 'ERR_ZEST_LOSS_NOT_FINITE') throw error;
      if (points.length === 1) return Float64Array.of(Number.NaN);
      const each: number[] = [];
      for (const point of points) each.push(...(await evaluate(batch, [point])));
      return Float64Array.from(each);
    }
  };

  return async (points) => {
    throwIfAborted(signal);
    const losses = new Float64Array(points.length);
    for (let from = 0; from < points.length; from += POINTS_OF_CALL) {
      const some = points.slice(from, from + POINTS_OF_CALL);
      for (const [b, one] of batches.entries()) {
        const share = weights[b]! / totalWeight;
        for (const [p, loss] of (await evaluate(one, some)).entries()) {
          losses[from + p] = losses[from + p]! + share * loss;
        }
      }
      onForwards?.(some.length);
    }
    return losses;
  };
};

/**
 * Checks the number of directions of a mean: all points of a radius are in memory.
 *
 * @throws ERR_ZEST_OPTION
 */
export const checkedSamples = (value: number = DEFAULTS.samples): number => checkedWhole('samples', value, 2, 100_000);

/**
 * Rounds a length > 0 to the float32 that points are scaled with.
 *
 * @throws ERR_ZEST_OPTION
 */
export const checkedScale = (name: string, value: number): number => {
  const scale = typeof value === 'number' ? Math.fround(value) : Number.NaN;
  if (scale > 0 && Number.isFinite(scale)) return scale;
  throw rangeError('ERR_ZEST_OPTION', `${name} is ${show(value)}; expected a number > 0 that float32 can hold`);
};

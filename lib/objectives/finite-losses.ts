import { ZestError } from '../errors.ts';
import type { Point } from '../objective.ts';

const placeOf = (point: Point): string => {
  const [term] = [point].flat();
  if (!term) return 'the unperturbed weights';
  return 'stream' in term ? `stream ${term.stream}, scale ${term.scale}` : `a vector, scale ${term.scale}`;
};

/**
 * Checks the losses at points, of all once or several times over.
 *
 * @throws ERR_ZEST_LOSS_NOT_FINITE, which names the point
 */
export const assertFinite = (losses: Float64Array, points: readonly Point[]): void => {
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  if (bad < 0) return;
  const point = points[bad % points.length]!;
  const where = placeOf(point);
  throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', `the loss at ${where} is ${losses[bad]}`);
};

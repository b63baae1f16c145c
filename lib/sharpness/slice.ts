import { rangeError } from '../errors.ts';
import type { Objective, Point } from '../objective.ts';
import { MEASURING_STREAM } from '../objectives/directions.ts';
import { assertObjective, given, optionsOf } from '../options/calls.ts';
import { checkedWhole } from '../options/checked-whole.ts';
import { DEFAULTS } from './defaults.ts';
import { checkedScale, lossesAround, type MeasureOptions, measureShape } from './losses.ts';
import { firstBeside, gramMatrix } from './subspace.ts';

/** Options of {@link lossSlice}. */
export interface SliceOptions extends MeasureOptions {
  /** Number of points along each axis, odd so that θ is among them, 3 to 999. Default 11. */
  size?: number;
  /** Distance that each axis goes from θ, as ρ per coordinate. Default 5e-3, the largest of the usual radii. */
  radius?: number;
}

const sliceOptions = optionsOf<SliceOptions>({ ...measureShape, size: given, radius: given });

/** Loss on a plane through θ. */
export interface Slice {
  /** Steps along both axes, as ρ per coordinate: −radius … radius. The length is √d times that. */
  steps: number[];
  /** Losses, losses[i][j] = f(θ + stepsᵢ·a + stepsⱼ·b): NaN where it is not finite (null in JSON). */
  losses: number[][];
}

/**
 * Checks the number of points along each axis of a slice.
 *
 * @throws ERR_ZEST_OPTION, ERR_ZEST_DIMENSION
 */
export const checkedSize = (name: string, value: number, dimension: number): number => {
  const size = checkedWhole(name, value, 3, 999);
  if (size % 2 === 0) throw rangeError('ERR_ZEST_OPTION', `${name} is ${size}; expected an odd number`);
  if (dimension > 1) return size;
  throw rangeError('ERR_ZEST_DIMENSION', 'dimension is 1; expected two trainable parameters or more for a slice');
};

/**
 * Evaluates the loss on the plane of two directions, v(firstStream) and what of v(firstStream + 1) is orthogonal to it (of
 * a later stream where that lies along the first), both scaled to √d. One scale for all layers: a point is a sum of whole
 * directions, so that Li et al.'s (2018) filter normalisation is not at hand. Takes size² forwards.
 *
 * @example
 * import { lossSlice, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [0, 0]);
 * const { steps, losses } = await lossSlice(bowl, undefined, { size: 3, radius: 0.5 });
 * console.log(steps, losses[1][1]); // [ -0.5, 0, 0.5 ] 0
 *
 * @throws ERR_ZEST_OPTION, ERR_ZEST_UNSUPPORTED for an objective without `direction`, ERR_ZEST_DIMENSION for one of a
 * single parameter, ERR_ZEST_BATCH_EMPTY or ERR_ZEST_VERSION
 */
export const lossSlice = async <B>(
  objective: Objective<B>,
  batch: B | readonly B[],
  unchecked?: SliceOptions,
): Promise<Slice> => {
  assertObjective(objective);
  const options = sliceOptions(unchecked);
  const { firstStream = MEASURING_STREAM } = options;
  const d = objective.dimension;
  const size = checkedSize('size', options.size ?? DEFAULTS.sliceSize, d);
  const radius = checkedScale('radius', options.radius ?? DEFAULTS.sliceRadius);
  const { second, aa, ab, rest } = await firstBeside(firstStream + 1n, async (second) => {
    const [aa = 0, ab = 0, , bb = 0] = await gramMatrix(objective, [firstStream, second]);
    const rest = bb - ab ** 2 / aa;
    return { rest: { second, aa, ab, rest }, share: rest / bb };
  });
  const streams = [firstStream, second];
  const alongA = Math.sqrt(d / aa);
  const alongB = Math.sqrt(d / rest);
  const half = (size - 1) / 2;
  const steps = Array.from({ length: size }, (_, i) => ((i - half) / half) * radius);
  const point = (a: number, b: number): Point => {
    const scales = [a * alongA - (b * alongB * ab) / aa, b * alongB];
    return a === 0 && b === 0 ? [] : streams.map((stream, i) => ({ stream, scale: scales[i]! }));
  };
  const points = steps.flatMap((a) => steps.map((b) => point(a, b)));
  const losses = await lossesAround(objective, batch, { ...options, keepNotFinite: true })(points);
  return { steps, losses: steps.map((_, i) => Array.from(losses.subarray(i * size, (i + 1) * size))) };
};

import { rangeError, ZestError } from '../errors.ts';
import { dot } from '../numbers/vectors.ts';
import type { Objective, Perturbation } from '../objective.ts';

/** v(stream) over all trainable parameters, in canonical order. */
export const wholeDirection = async <B>(objective: Objective<B>, stream: bigint): Promise<Float64Array> => {
  const v = new Float64Array(objective.dimension);
  let at = 0;
  for (const name of trainableNames(objective)) {
    const part = await objective.direction!(stream, name);
    v.set(part, at);
    at += part.length;
  }
  return v;
};

/** vᵢ·vⱼ of all pairs of streams, row by row; one parameter at a time is in memory. */
export const gramMatrix = async <B>(objective: Objective<B>, streams: readonly bigint[]): Promise<Float64Array> => {
  const n = streams.length;
  const gram = new Float64Array(n * n);
  for (const name of trainableNames(objective)) {
    const parts: Float32Array[] = [];
    for (const stream of streams) parts.push(await objective.direction!(stream, name));
    for (const [i, a] of parts.entries()) {
      for (const [j, b] of parts.entries()) gram[i * n + j] = gram[i * n + j]! + dot(a, b);
    }
  }
  return gram;
};

const trainableNames = <B>(objective: Objective<B>): readonly string[] => {
  if (objective.trainableNames && objective.direction) return objective.trainableNames;
  throw new ZestError(
    'ERR_ZEST_UNSUPPORTED',
    'the objective has no `trainableNames` and `direction`, which say what its directions are',
  );
};

/** y += factor·x */
export const addTimes = (y: Float64Array, factor: number, x: Float64Array): void => {
  for (let i = 0; i < y.length; i++) y[i] = y[i]! + factor * x[i]!;
};

/** Share of a direction's squared length below which the part that is orthogonal to others is rounding. */
const LEAST_REST = 1e-6;

/** Streams that are looked at for such a part: in a plane half of Rademacher's directions lie along the first. */
const MOST_STREAMS = 64;

/**
 * Finds the first stream whose direction does not lie along others: `restOf` gives what is made of its orthogonal part,
 * and the share of the squared length that this part has.
 *
 * @throws ERR_ZEST_DIMENSION where none has
 */
export const firstBeside = async <T>(
  firstStream: bigint,
  restOf: (stream: bigint) => Promise<{ rest: T; share: number }>,
): Promise<T> => {
  for (let i = 0; i < MOST_STREAMS; i++) {
    const { rest, share } = await restOf(firstStream + BigInt(i));
    if (share > LEAST_REST) return rest;
  }
  throw rangeError(
    'ERR_ZEST_DIMENSION',
    `the directions of ${MOST_STREAMS} streams from ${firstStream} lie along those before; expected directions that differ`,
  );
};

/** Beyond two a dimension, so that the directions of one or two dimensions span them too. */
const SPARE_STREAMS = 16;

/**
 * Writes vectors of the trainable parameters as sums of directions, which are all that points are made of. Directions of
 * 2d + 16 streams, the columns of V, span the space well: V's condition number is near 6. The result gives the shortest
 * coefficients for a vector x, Vᵀ(VVᵀ)⁻¹x, one a stream, in the order of the streams. Memory 8·d·(3d + 16) bytes.
 */
export const coordinates = async <B>(
  objective: Objective<B>,
  firstStream: bigint,
): Promise<{ streams: bigint[]; coefficients(x: Float64Array): Float64Array }> => {
  const d = objective.dimension;
  const streams = Array.from({ length: 2 * d + SPARE_STREAMS }, (_, i) => firstStream + BigInt(i));
  const columns: Float64Array[] = [];
  for (const stream of streams) columns.push(await wholeDirection(objective, stream));
  const factor = Array.from({ length: d }, () => new Float64Array(d));
  for (const v of columns) for (let i = 0; i < d; i++) addTimes(factor[i]!, v[i]!, v);
  cholesky(factor);
  return {
    streams,
    coefficients(x) {
      const y = solve(factor, x);
      return Float64Array.from(columns, (v) => dot(v, y));
    },
  };
};

/** A point from the coefficients of streams. */
export const pointOf = (streams: readonly bigint[], coefficients: Float64Array): Perturbation[] =>
  streams.map((stream, i) => ({ stream, scale: coefficients[i]! }));

/** Replaces the lower triangle of a positive definite matrix, given as rows, by its Cholesky factor L. */
const cholesky = (rows: Float64Array[]): void => {
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j <= i; j++) {
      const other = rows[j]!;
      const rest = row[j]! - dot(row.subarray(0, j), other.subarray(0, j));
      row[j] = i === j ? Math.sqrt(rest) : rest / other[j]!;
    }
  }
};

/** (LLᵀ)⁻¹x */
const solve = (factor: readonly Float64Array[], x: Float64Array): Float64Array => {
  const y = Float64Array.from(x);
  for (const [i, row] of factor.entries()) y[i] = (y[i]! - dot(row.subarray(0, i), y.subarray(0, i))) / row[i]!;
  for (let i = y.length - 1; i >= 0; i--) {
    y[i] = y[i]! / factor[i]![i]!;
    for (let j = 0; j < i; j++) y[j] = y[j]! - factor[i]![j]! * y[i]!;
  }
  return y;
};

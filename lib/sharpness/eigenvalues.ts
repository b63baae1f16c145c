import { rangeError } from '../errors.ts';
import { dot } from '../numbers/vectors.ts';
import type { Objective, Point } from '../objective.ts';
import { MEASURING_STREAM } from '../objectives/directions.ts';
import { assertObjective, given, optionsOf } from '../options/calls.ts';
import { checkedWhole } from '../options/checked-whole.ts';
import { checkedScale, type LossesAt, lossesAround, type MeasureOptions, measureShape } from './losses.ts';
import { addTimes, coordinates, firstBeside, pointOf, wholeDirection } from './subspace.ts';
import { symmetricEigen } from './symmetric.ts';

/** Options of {@link topEigenvalues}. */
export interface EigenvalueOptions extends MeasureOptions {
  /** Number of eigenvalues, from the largest. Default 1. */
  count?: number;
  /** Number of Lanczos steps at most, each of 4d forwards. Default: the smaller of d and 10 + 2·count. */
  iterations?: number;
  /** Residual that ends the iteration, as a share of the eigenvalue that is largest in size. Default 0.01. */
  tolerance?: number;
  /** Length ε by which the weights move along each of the two vectors of a difference. Default 0.1. */
  epsilon?: number;
}

const eigenvalueOptions = optionsOf<EigenvalueOptions>({
  ...measureShape,
  count: given,
  iterations: given,
  tolerance: given,
  epsilon: given,
});

/** Largest eigenvalues of the Hessian. */
export interface Eigenvalues {
  /**
   * Eigenvalues from the largest. `residual` is ‖Hy − λy‖ of the unit Ritz vector y: an eigenvalue of H lies within it,
   * as far as Hy was measured exactly; where λ stands alone it is much closer, by the residual's square over the gap.
   */
  eigenvalues: { value: number; residual: number }[];
  /** Number of Lanczos steps taken. */
  iterations: number;
  /** Whether the residuals are below the tolerance, or the steps as many as the parameters. */
  converged: boolean;
  /** Length ε of the differences. */
  epsilon: number;
}

/** The time and memory of the coordinates grow with its square and cube, the forwards with d. */
const MOST_PARAMETERS = 512;

/** What is left of Hq beside the basis, as a share of it, that is rounding and no direction. */
const EXHAUSTED = 1e-12;

const DEFAULT_EPSILON = 0.1;
export const defaultIterations = (dimension: number, count: number): number => Math.min(dimension, 10 + 2 * count);

/**
 * Checks how many eigenvalues are asked for.
 *
 * @throws ERR_ZEST_OPTION, ERR_ZEST_DIMENSION
 */
export const checkedEigenvalueCount = (name: string, value: number, dimension: number): number => {
  const count = checkedWhole(name, value, 1);
  if (dimension > MOST_PARAMETERS) {
    throw rangeError(
      'ERR_ZEST_DIMENSION',
      `eigenvalues were asked for with ${dimension} trainable parameters, and are computed for ${MOST_PARAMETERS} at most; ` +
        'make fewer of them trainable, the bias of one layer say: trainable: {include: ["*.layer.0.output.dense.bias"]}',
    );
  }
  if (count <= dimension) return count;
  throw rangeError(
    'ERR_ZEST_OPTION',
    `${name} is ${count}; expected at most ${dimension}, the number of trainable parameters`,
  );
};

/**
 * Computes the largest eigenvalues of the Hessian over the trainable parameters, from losses alone: Lanczos' iteration
 * with full reorthogonalisation and a Rayleigh–Ritz projection (Parlett 1998, The Symmetric Eigenvalue Problem, 13), in
 * which each element of Hq is a mixed second difference along a coordinate e_j and q,
 * (f(θ + ε(e_j + q)) + f(θ − ε(e_j + q)) − f(θ + ε(e_j − q)) − f(θ − ε(e_j − q)))/(4ε²).
 * Coordinates and q are sums of the objective's directions. Takes 4d forwards a step, and at most 512 parameters.
 *
 * @example
 * import { topEigenvalues, vectorObjective } from 'node-zest';
 * const bowl = vectorObjective(([x, y]) => x * x + 10 * y * y, [0, 0]);
 * const { eigenvalues } = await topEigenvalues(bowl, undefined, { count: 2 });
 * console.log(eigenvalues.map(({ value }) => value.toFixed(3))); // [ '20.000', '2.000' ]
 *
 * @throws ERR_ZEST_DIMENSION, ERR_ZEST_OPTION, ERR_ZEST_UNSUPPORTED for an objective without `direction`,
 * ERR_ZEST_BATCH_EMPTY, ERR_ZEST_LOSS_NOT_FINITE or ERR_ZEST_VERSION
 */
export const topEigenvalues = async <B>(
  objective: Objective<B>,
  batch: B | readonly B[],
  unchecked?: EigenvalueOptions,
): Promise<Eigenvalues> => {
  assertObjective(objective);
  const options = eigenvalueOptions(unchecked);
  const { dimension: d } = objective;
  const { firstStream = MEASURING_STREAM, tolerance = 0.01 } = options;
  const count = checkedEigenvalueCount('count', options.count ?? 1, d);
  const most = Math.min(d, checkedWhole('iterations', options.iterations ?? defaultIterations(d, count), count));
  const epsilon = checkedScale('epsilon', options.epsilon ?? DEFAULT_EPSILON);
  if (!(tolerance > 0)) throw rangeError('ERR_ZEST_OPTION', `tolerance is ${tolerance}; expected a number > 0`);

  const hessianTimes = await hessianProduct(objective, lossesAround(objective, batch, options), epsilon, firstStream);
  const basis: Float64Array[] = [];
  const products: Float64Array[] = [];
  let next = await wholeDirection(objective, firstStream);
  for (;;) {
    const norm = Math.sqrt(dot(next, next));
    basis.push(next.map((value) => value / norm));
    products.push(await hessianTimes(basis.at(-1)!));
    const pairs = ritzPairs(basis, products);
    const largest = Math.max(...pairs.map(({ value }) => Math.abs(value)));
    const top = pairs.slice(0, count);
    const whole = basis.length === d;
    const converged = whole || (top.length === count && top.every(({ residual }) => residual <= tolerance * largest));
    if (converged || basis.length === most) {
      const eigenvalues = top.map(({ value, residual }) => ({ value, residual }));
      return { eigenvalues, iterations: basis.length, converged, epsilon };
    }
    const image = products.at(-1)!;
    next = orthogonal(image, basis);
    // The Krylov space is exhausted: all of H's eigenvectors that the start had a part in are found.
    if (Math.sqrt(dot(next, next)) <= EXHAUSTED * Math.sqrt(dot(image, image))) {
      next = await firstBeside(firstStream + BigInt(basis.length), async (stream) => {
        const v = await wholeDirection(objective, stream);
        const rest = orthogonal(v, basis);
        return { rest, share: dot(rest, rest) / dot(v, v) };
      });
    }
  }
};

/** q ↦ Hq by four losses a coordinate. */
const hessianProduct = async <B>(
  objective: Objective<B>,
  lossesAt: LossesAt,
  epsilon: number,
  firstStream: bigint,
): Promise<(q: Float64Array) => Promise<Float64Array>> => {
  const d = objective.dimension;
  const { streams, coefficients } = await coordinates(objective, firstStream);
  const axes = Array.from({ length: d }, (_, j) =>
    coefficients(Float64Array.from({ length: d }, (_, i) => +(i === j))),
  );
  return async (q) => {
    const along = coefficients(q);
    const product = new Float64Array(d);
    for (const [j, axis] of axes.entries()) {
      const at = (a: number, b: number): Point =>
        pointOf(
          streams,
          axis.map((value, i) => epsilon * (a * value + b * along[i]!)),
        );
      const [pp, mm, pm, mp] = await lossesAt([at(1, 1), at(-1, -1), at(1, -1), at(-1, 1)]);
      product[j] = (pp! - pm! + (mm! - mp!)) / (4 * epsilon ** 2);
    }
    return product;
  };
};

/** The part of x that is orthogonal to a basis; twice is enough (Kahan and Parlett). */
const orthogonal = (x: Float64Array, basis: readonly Float64Array[]): Float64Array => {
  const rest = Float64Array.from(x);
  for (let pass = 0; pass < 2; pass++) for (const q of basis) addTimes(rest, -dot(q, rest), q);
  return rest;
};

/** Eigenpairs of QᵀHQ, from the largest value, with their residuals. */
const ritzPairs = (
  basis: readonly Float64Array[],
  products: readonly Float64Array[],
): { value: number; residual: number }[] => {
  const projected = basis.map((q, i) => basis.map((other, j) => (dot(q, products[j]!) + dot(other, products[i]!)) / 2));
  return symmetricEigen(projected).map(({ value, vector }) => {
    const residual = new Float64Array(basis[0]!.length);
    for (const [i, weight] of vector.entries()) {
      addTimes(residual, weight, products[i]!);
      addTimes(residual, -value * weight, basis[i]!);
    }
    return { value, residual: Math.sqrt(dot(residual, residual)) };
  });
};

import { types } from 'node:util';
import { typeError, ZestError } from '../errors.ts';
import type { Objective, Point } from '../objective.ts';
import { isList } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { termsName } from './point-name.ts';

// What an objective says and gives, which may be a caller's own: a method makes numbers of it that move weights.

const fault = (message: string): TypeError => typeError('ERR_ZEST_ARGUMENT', message);

/** A list of numbers as float64: itself, where it is that. */
const float64 = (list: ArrayLike<unknown>, nameOf: (index: number) => string): Float64Array => {
  if (types.isFloat64Array(list)) return list;
  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] !== 'number') throw fault(`${nameOf(i)} is ${show(list[i])}; expected a number`);
  }
  return Float64Array.from(list as ArrayLike<number>);
};

/** The calls that a step makes where an objective has them. */
const CALLS = ['gradient', 'sequenceLosses', 'combine', 'exclusively'] as const;

/**
 * Checks what an objective says of itself beside its calls.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertSays = (objective: Objective<never>): void => {
  const { dimension, lowestLoss } = objective;
  if (!Number.isSafeInteger(dimension) || dimension < 1)
    throw fault(`dimension of the objective is ${show(dimension)}; expected a whole number ≥ 1`);
  if (lowestLoss !== undefined && !Number.isFinite(lowestLoss))
    throw fault(`lowestLoss of the objective is ${show(lowestLoss)}; expected a finite number`);
  for (const call of CALLS) {
    const found: unknown = objective[call];
    if (found !== undefined && typeof found !== 'function')
      throw fault(`${call} of the objective is ${show(found)}; expected a function, or none`);
  }
};

/**
 * Checks that `evaluate` gave a number for each point, finite or not.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const checkedLosses = (given: unknown, points: readonly Point[]): Float64Array => {
  if (isList(given) && given.length === points.length)
    return float64(given, (p) => `the loss at ${termsName(points[p]!)}`);
  const found = isList(given) ? `a list of ${given.length}` : show(given);
  throw fault(`evaluate of the objective gave ${found}; expected ${points.length} losses, one a point`);
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
  const where = termsName(point);
  throw new ZestError('ERR_ZEST_LOSS_NOT_FINITE', `the loss at ${where} is ${losses[bad]}`);
};

/**
 * Checks that `sequenceLosses` gave an array for each point, of as many numbers each. NaN is a sequence left out.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const checkedSequenceLosses = (given: unknown, points: readonly Point[]): Float64Array[] => {
  const name = 'sequenceLosses of the objective gave';
  if (!Array.isArray(given) || given.length !== points.length)
    throw fault(`${name} ${show(given)}; expected ${points.length} arrays, one a point`);
  return given.map((losses: unknown, p) => {
    const place = () => termsName(points[p]!);
    if (!isList(losses)) throw fault(`${name} ${show(losses)} at ${place()}; expected the loss of each sequence`);
    if (losses.length !== given[0].length)
      throw fault(`${name} ${losses.length} losses at ${place()}; expected ${given[0].length}, as at the first point`);
    return float64(losses, (i) => `the loss of sequence ${i} at ${place()}`);
  });
};

/**
 * Checks the loss that `combine` made.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const checkedCombined = (given: unknown): number => {
  if (typeof given === 'number') return given;
  throw fault(`combine of the objective gave ${show(given)}; expected a number`);
};

/**
 * Checks that `gradient` gave a finite number for each trainable parameter.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const checkedGradient = (given: unknown, dimension: number): Float64Array => {
  if (!isList(given) || given.length !== dimension)
    throw fault(
      `gradient of the objective gave ${isList(given) ? `a list of ${given.length}` : show(given)}; expected ${dimension} numbers, one a parameter`,
    );
  const gradient = float64(given, (i) => `gradient[${i}] of the objective`);
  const bad = gradient.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return gradient;
  throw fault(`gradient[${bad}] of the objective is ${gradient[bad]}; expected a finite number`);
};

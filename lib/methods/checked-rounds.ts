import { types } from 'node:util';
import { rangeError, typeError } from '../errors.ts';
import { isObject } from '../text/json.ts';
import { show } from '../text/show.ts';
import type { AnyMethod, MethodState, Round, StepContext, StepEstimate } from './method.ts';

// What a method asks and makes of a step. It may be a caller's own, and weights are moved by what it says.

const fault = ({ name }: Pick<AnyMethod, 'name'>, message: string): TypeError =>
  typeError('ERR_ZEST_OPTION', `method ${name}: ${message}`);

/** Objects deeper than this are taken for ones that hold themselves. */
const DEEPEST = 64;

/** The place of a value that JSON cannot hold; undefined where there is none. */
const notJson = (value: unknown, place: string, depth = 0): { place: string; value: unknown } | undefined => {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value)) return;
  const isPlain = Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]';
  if (!isPlain || depth > DEEPEST) return { place, value };
  for (const [key, inner] of Object.entries(value as object)) {
    // Of an object, JSON leaves what is undefined out.
    if (inner === undefined && !Array.isArray(value)) continue;
    const found = notJson(inner, Array.isArray(value) ? `${place}[${key}]` : `${place}.${key}`, depth + 1);
    if (found) return found;
  }
};

/** Checks that a state of a method is JSON. */
const checkedState = <S>(method: AnyMethod, state: S): S => {
  if (!isObject(state)) throw fault(method, `state is ${show(state)}; expected an object of JSON`);
  const found = notJson(state, 'state');
  if (found) throw fault(method, `${found.place} is ${show(found.value)}; expected what JSON can hold`);
  return state;
};

/**
 * Makes the state before the first step.
 *
 * @throws ERR_ZEST_OPTION for one that is not JSON
 */
export const initialState = (method: AnyMethod, options: Record<string, unknown>): MethodState =>
  checkedState(method, method.initialState?.(options) ?? {});

/**
 * Counts the directions that a step draws.
 *
 * @throws ERR_ZEST_OPTION for what is no count
 */
export const streamCount = (method: AnyMethod, options: Record<string, unknown>): number => {
  const count: unknown = method.streams(options);
  if (Number.isSafeInteger(count) && (count as number) >= 0) return count as number;
  throw fault(method, `streams gave ${show(count)}; expected a whole number ≥ 0`);
};

const checkedRound = (method: AnyMethod, round: unknown): Round => {
  if (Array.isArray(round)) return round;
  const { gradient, points, of } = Object(round) as Record<string, unknown>;
  // A point may be a list.
  if (
    (typeof gradient === 'object' && gradient !== null) ||
    (Array.isArray(points) && (of === 'all' || of === 'halves'))
  )
    return round as Round;
  const expected = "a list of points, { points, of: 'all' or 'halves' } or { gradient: point }";
  throw fault(method, `estimate yielded ${show(round)}; expected ${expected}`);
};

const checkedTerms = (method: AnyMethod, terms: unknown): void => {
  if (!Array.isArray(terms))
    throw fault(method, `terms of its estimate is ${show(terms)}; expected a list of { stream, coefficient }`);
  for (let i = 0; i < terms.length; i++) {
    const { stream, coefficient } = Object(terms[i]) as Record<string, unknown>;
    if (typeof stream !== 'bigint' || typeof coefficient !== 'number')
      throw fault(
        method,
        `terms[${i}] of its estimate is ${show(terms[i])}; expected { stream, coefficient }, a bigint and a number`,
      );
    if (Number.isFinite(coefficient)) continue;
    const message = `method ${method.name}: terms[${i}].coefficient of its estimate is ${coefficient}; expected a finite number`;
    throw rangeError('ERR_ZEST_UPDATE', message);
  }
};

const checkedDiagnostics = (method: AnyMethod, diagnostics: unknown): void => {
  if (!isObject(diagnostics))
    throw fault(method, `diagnostics of its estimate is ${show(diagnostics)}; expected an object of numbers`);
  for (const [name, value] of Object.entries(diagnostics)) {
    if (!Object.hasOwn(method.diagnostics, name))
      throw fault(method, `its estimate has a diagnostic ${name}; expected those that its diagnostics declare`);
    if (typeof value !== 'number')
      throw fault(method, `diagnostics.${name} of its estimate is ${show(value)}; expected a number`);
  }
};

const checkedEstimate = (
  method: AnyMethod,
  estimate: unknown,
  { dimension, state: before }: StepContext,
): StepEstimate => {
  if (!isObject(estimate))
    throw fault(method, `estimate returned ${show(estimate)}; expected { terms, meanLoss, diagnostics }`);
  const { terms, meanLoss, diagnostics, vector, rate = 1, state } = estimate;
  checkedTerms(method, terms);
  checkedDiagnostics(method, diagnostics);
  if (typeof meanLoss !== 'number')
    throw fault(method, `meanLoss of its estimate is ${show(meanLoss)}; expected a number`);
  if (!Number.isFinite(rate)) throw fault(method, `rate of its estimate is ${show(rate)}; expected a finite number`);
  if (vector !== undefined && !(types.isFloat64Array(vector) && vector.length === dimension))
    throw fault(method, `vector of its estimate is ${show(vector)}; expected a Float64Array of ${dimension} numbers`);
  if (state !== undefined && state !== before) checkedState(method, state);
  return estimate as unknown as StepEstimate;
};

/**
 * Takes a step of a method, and checks the rounds that it asks for and what it makes of them.
 *
 * @throws ERR_ZEST_OPTION, or ERR_ZEST_UPDATE for a coefficient that is not finite, naming the method
 */
export function* checkedRounds(
  method: AnyMethod,
  options: Record<string, unknown>,
  context: StepContext,
): Generator<Round, StepEstimate, Float64Array> {
  const rounds: unknown = method.estimate(options, context);
  if (!isObject(rounds) || typeof rounds.next !== 'function' || Symbol.asyncIterator in rounds)
    throw fault(method, `estimate gave ${show(rounds)}; expected a generator, *estimate(options, context) { … }`);
  const steps = rounds as unknown as ReturnType<AnyMethod['estimate']>;
  let round = steps.next();
  while (!round.done) round = steps.next(yield checkedRound(method, round.value));
  return checkedEstimate(method, round.value, context);
}

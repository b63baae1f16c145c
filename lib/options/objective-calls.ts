import { z } from 'zod';
import { rangeError } from '../errors.ts';
import type { DirectionOptions, EvaluationOptions, GradientOptions } from '../objective.ts';
import { given, int64, optionsOf, signal } from './calls.ts';
import { coded } from './check.ts';

// The options of the calls that every objective has.

/** The version that the weights have to be at, an int64 of the engine. */
const atVersion = coded(int64.optional(), 'ERR_ZEST_ARGUMENT');

/** The number of sequences evaluated at a time, an int32 of the engine. */
const microBatch = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .optional();

export const evaluationOptions = optionsOf<EvaluationOptions>({ signal, directions: given, atVersion, microBatch });
export const directionOptions = optionsOf<DirectionOptions>({ signal, directions: given });
export const gradientOptions = optionsOf<GradientOptions>({ signal, directions: given, at: given, atVersion });

/** What a state's values cannot be below: those of means of squares. */
const LEAST: Readonly<Record<string, number>> = { secondMoment: 0, curvature: 0 };

/**
 * Checks values that are to be a state of an objective: those that are means of squares are none below 0.
 *
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertStateValues = (name: string, values: Float32Array | Float64Array): void => {
  const least = LEAST[name] ?? Number.NEGATIVE_INFINITY;
  const bad = values.findIndex((value) => value < least);
  if (bad < 0) return;
  throw rangeError('ERR_ZEST_ARGUMENT', `values[${bad}] is ${values[bad]}; expected a number ≥ 0, as each ${name} is`);
};

import { z } from 'zod';
import type { DirectionOptions, EvaluationOptions, GradientOptions } from '../objective.ts';
import { given, optionsOf, signal } from './calls.ts';
import { coded } from './check.ts';

// The options of the calls that every objective has.

/** The version that the weights have to be at. */
const atVersion = coded(
  z.custom<bigint>((value) => typeof value === 'bigint' && value >= 0n, { error: 'a bigint ≥ 0' }).optional(),
  'ERR_ZEST_ARGUMENT',
);

/** The number of sequences evaluated at a time, an int32 of the engine. */
const microBatch = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .optional();

export const evaluationOptions = optionsOf<EvaluationOptions>({ signal, directions: given, atVersion, microBatch });
export const sequenceOptions = optionsOf<Omit<EvaluationOptions, 'atVersion'>>({
  signal,
  directions: given,
  microBatch,
});
export const directionOptions = optionsOf<DirectionOptions>({ signal, directions: given });
export const gradientOptions = optionsOf<GradientOptions>({ signal, directions: given, at: given, atVersion });

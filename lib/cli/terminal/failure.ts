import { type ErrorCode, ZestError } from '../../errors.ts';

export const EXIT_FAILED = 1;
/** Bad usage or configuration. */
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** Why the process stops when it is told to: the reason of its AbortSignal. */
export class Interrupted extends Error {}

/** Codes whose cause is what the user wrote: arguments, configuration, environment. */
const usage: ReadonlySet<ErrorCode> = new Set([
  'ERR_ZEST_ARGUMENT',
  'ERR_ZEST_OPTION',
  'ERR_ZEST_DIRECTIONS',
  'ERR_ZEST_RHO',
  'ERR_ZEST_TILT',
  'ERR_ZEST_ESTIMATOR',
  'ERR_ZEST_DIMENSION',
  'ERR_ZEST_TEMPLATE',
  'ERR_ZEST_LABEL_WORD',
  'ERR_ZEST_TRAINABLE',
  'ERR_ZEST_ISA',
  'ERR_ZEST_THREADS',
  'ERR_ZEST_CONFIG',
  'ERR_ZEST_RUN',
]);

/** The status that the process ends with after an error. */
export const exitStatus = (error: unknown): number => {
  if (error instanceof Interrupted) return EXIT_INTERRUPTED;
  return error instanceof ZestError && usage.has(error.code) ? EXIT_USAGE : EXIT_FAILED;
};

/** `error: message (CODE)` on stderr, with the stack where ZEST_DEBUG is set. */
export const reportError = (error: unknown): void => {
  if (error instanceof Interrupted) return;
  if (process.env.ZEST_DEBUG || !(error instanceof Error)) console.error(error);
  else console.error(`error: ${error.message}${'code' in error ? ` (${error.code})` : ''}`);
};

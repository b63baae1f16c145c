import { isError, isUsageError } from '../../errors.ts';

export const EXIT_FAILED = 1;
/** Bad usage or configuration. */
export const EXIT_USAGE = 2;
/** 128 and the number of SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** Why the process stops when it is told to: the reason of its AbortSignal. */
export class Interrupted extends Error {
  /** Status that it ends with: 128 and the number of the signal that told it, as shells have it. */
  readonly status: number;

  constructor(status: number) {
    super('interrupted');
    this.status = status;
  }
}

/** The status that the process ends with after an error. */
export const exitStatus = (error: unknown): number => {
  if (error instanceof Interrupted) return error.status;
  return isUsageError(error) ? EXIT_USAGE : EXIT_FAILED;
};

/** `error: message (CODE)` on stderr, with the stack where ZEST_DEBUG is set. */
export const reportError = (error: unknown): void => {
  if (error instanceof Interrupted) return;
  if (process.env.ZEST_DEBUG || !isError(error)) console.error(error);
  else console.error(`error: ${error.message}${'code' in error ? ` (${error.code})` : ''}`);
};

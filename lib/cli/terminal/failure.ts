import { isError, isInputError } from '../../errors.ts';
import { printJson } from './output.ts';

/** The work failed. */
export const EXIT_FAILED = 1;
/** What was given is at fault: the command line, a configuration, a model folder, data. */
export const EXIT_INPUT = 2;
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
  return isInputError(error) ? EXIT_INPUT : EXIT_FAILED;
};

/** `error: message (CODE)` on stderr, with the stack where ZEST_DEBUG is set; for programs an object on stdout, too. */
export const reportError = (error: unknown, json: boolean): void => {
  if (error instanceof Interrupted) return;
  const { message, code = null } = isError(error) ? (error as Error & { code?: string }) : { message: String(error) };
  if (json) printJson({ kind: 'error', code, message });
  if (process.env.ZEST_DEBUG || !isError(error)) console.error(error);
  else console.error(`error: ${message}${code === null ? '' : ` (${code})`}`);
};

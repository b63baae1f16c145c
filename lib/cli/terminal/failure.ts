import { isUsageError } from '../../errors.ts';
import { printLine } from './output.ts';

export const EXIT_FAILED = 1;
/** Bad usage or configuration. */
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** Why the process stops when it is told to: the reason of its AbortSignal. */
export class Interrupted extends Error {}

/** The status that the process ends with after an error. */
export const exitStatus = (error: unknown): number => {
  if (error instanceof Interrupted) return EXIT_INTERRUPTED;
  return isUsageError(error) ? EXIT_USAGE : EXIT_FAILED;
};

/** `error: message (CODE)` on stderr, with the stack where ZEST_DEBUG is set. */
export const reportError = (error: unknown): void => {
  if (error instanceof Interrupted) return;
  if (process.env.ZEST_DEBUG || !(error instanceof Error)) console.error(error);
  else console.error(`error: ${error.message}${'code' in error ? ` (${error.code})` : ''}`);
};

/** Prints warnings of the library as the commands print theirs, and others as Node does. */
export const reportWarnings = (): void => {
  const [byNode] = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    const { code = '' } = warning as Error & { code?: string };
    if (code.startsWith('WARN_ZEST_')) printLine(`warning: ${warning.message} (${code})`);
    else byNode?.call(process, warning);
  });
};

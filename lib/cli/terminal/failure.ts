import { inspect } from 'node:util';
import type { Option } from 'commander';
import { isError, isInputError, printable } from '../../errors.ts';
import { printJson, printLine } from './output.ts';

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

/** A message about an option of a call, under the flag that it was given by: --top-p for topP. */
const withFlag = (message: string, options: readonly Option[]): string => {
  const [name = ''] = /^\w+(?= is )/.exec(message) ?? [];
  const flag = /[A-Z]/.test(name) ? options.find((option) => option.attributeName() === name)?.long : undefined;
  return flag ? `${flag}${message.slice(name.length)}` : message;
};

/** `error: message (CODE)` on stderr, with the stack where ZEST_DEBUG is set; for programs an object on stdout, too. */
export const reportError = (error: unknown, { json, options }: { json: boolean; options: readonly Option[] }): void => {
  if (error instanceof Interrupted) return;
  const { message: told, code = null } = isError(error)
    ? (error as Error & { code?: string })
    : { message: String(error) };
  const message = withFlag(told, options);
  if (json) printJson({ kind: 'error', code, message });
  if (process.env.ZEST_DEBUG || !isError(error)) printLine(inspect(error));
  else printLine(`error: ${message}${code === null ? '' : ` (${code})`}`);
};

/** Prints warnings of the library as the commands print theirs, and others as Node does. */
export const reportWarnings = (): void => {
  const [byNode] = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    const { code = '' } = warning as Error & { code?: string };
    if (code.startsWith('WARN_ZEST_')) printLine(`warning: ${warning.message} (${code})`);
    else byNode?.call(process, Object.assign(warning, { message: printable(warning.message) }));
  });
};

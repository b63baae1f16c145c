import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { EXIT_FAILED, EXIT_INTERRUPTED, Interrupted } from './failure.ts';
import { printLine } from './output.ts';

const stop = new AbortController();

/** Whether a command ends in order when it is told to stop. */
let isHeard = false;

/** What a terminal, an operating system or a container asks a process to end by. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * A signal that aborts when the process is asked to end: by Ctrl-C, `kill`, a container that stops, a terminal that
 * closes, or when the reader of its output has gone (`zest train --json | head`). A second time ends the process at once.
 */
export const stopSignal = (): AbortSignal => {
  isHeard = true;
  for (const name of SIGNALS) {
    const status = 128 + constants.signals[name];
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(status);
      printLine('interrupted; once more ends it at once');
      stop.abort(new Interrupted(status));
    });
  }
  return stop.signal;
};

/**
 * Ends a process that `zest sweep` started when that has gone: nobody waits for the run, and a resumed sweep begins it
 * anew.
 */
export const endWithParent = (): void => {
  if (!process.channel) return;
  process.once('disconnect', () => process.exit(EXIT_INTERRUPTED));
  process.channel.unref();
};

/**
 * Keeps a reader that goes away from being an error: of stderr it is ignored, of stdout it is an interruption. Output that
 * cannot be written, to a full disk say, is one too, with a line that says so and the status of work that failed.
 */
export const outliveReaders = (): void => {
  const unlessGone = (then: () => void) => (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return then();
    if (stop.signal.aborted) return;
    const message = `the output cannot be written: ${error.message} (ERR_ZEST_FILE)`;
    try {
      writeSync(2, `error: ${message}\n`);
    } catch {
      // stderr is what cannot be written
    }
    if (!isHeard) process.exit(EXIT_FAILED);
    // Whoever hears it may have done its work.
    process.exitCode = EXIT_FAILED;
    stop.abort(new Interrupted(EXIT_FAILED));
  };
  process.stdout.on(
    'error',
    unlessGone(() => stop.abort(new Interrupted(EXIT_INTERRUPTED))),
  );
  process.stderr.on(
    'error',
    unlessGone(() => {}),
  );
};

import { EXIT_INTERRUPTED, Interrupted } from './failure.ts';
import { printLine } from './output.ts';

const stop = new AbortController();

/**
 * A signal that aborts when the process is asked to end: at Ctrl-C, or when the reader of its output has gone
 * (`zest train --json | head`). A second Ctrl-C ends the process at once.
 */
export const stopSignal = (): AbortSignal => {
  process.on('SIGINT', () => {
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    printLine('interrupted; once more ends it at once');
    stop.abort(new Interrupted());
  });
  return stop.signal;
};

/** Ends a process that `zest sweep` started when that has gone: nobody waits for the run, and a resumed sweep begins it anew. */
export const endWithParent = (): void => {
  if (!process.channel) return;
  process.once('disconnect', () => process.exit(EXIT_INTERRUPTED));
  process.channel.unref();
};

/** Keeps a reader that goes away from being an error: of stderr it is ignored, of stdout it is an interruption. */
export const outliveReaders = (): void => {
  const unlessGone = (then: () => void) => (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    then();
  };
  process.stdout.on(
    'error',
    unlessGone(() => stop.abort(new Interrupted())),
  );
  process.stderr.on(
    'error',
    unlessGone(() => {}),
  );
};

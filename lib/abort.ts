import { typeError } from './errors.ts';

/** Throws `signal.reason` if the signal is aborted, ERR_ZEST_ARGUMENT if it is no AbortSignal. */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal === undefined) return;
  if (typeof signal?.throwIfAborted !== 'function')
    throw typeError('ERR_ZEST_ARGUMENT', 'signal must be an AbortSignal');
  signal.throwIfAborted();
};

import { typeError } from './errors.ts';
import { show } from './show.ts';

/**
 * Stops a call whose signal is aborted.
 *
 * @throws `signal.reason`; ERR_ZEST_ARGUMENT for what is no AbortSignal
 */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal === undefined) return;
  if (typeof signal?.throwIfAborted !== 'function')
    throw typeError('ERR_ZEST_ARGUMENT', `signal is ${show(signal)}; expected an AbortSignal`);
  signal.throwIfAborted();
};

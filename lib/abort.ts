import { typeError } from './errors.ts';
import { show } from './text/show.ts';

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

/**
 * Waits for what a function of the caller's gives, as long as the signal is not aborted: it may never settle.
 *
 * @throws `signal.reason`; what the promise rejects with
 */
export const unlessAborted = async <T>(value: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return value;
  throwIfAborted(signal);
  let stop = () => {};
  // Node ends a process in which nothing but a promise is left: one that never settles would end it without a word.
  const waiting = setInterval(() => {}, 2 ** 30);
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    clearInterval(waiting);
    signal.removeEventListener('abort', stop);
  }
};

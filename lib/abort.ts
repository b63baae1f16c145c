import { typeError } from './errors.ts';
import { show } from './text/show.ts';

/** Whether a value has what is used of an AbortSignal, which may be of another realm. */
export const isSignal = (value: unknown): value is AbortSignal =>
  ['throwIfAborted', 'addEventListener', 'removeEventListener'].every(
    (key) => typeof (value as Record<string, unknown> | null | undefined)?.[key] === 'function',
  );

/**
 * Stops a call whose signal is aborted.
 *
 * @throws `signal.reason`; ERR_ZEST_ARGUMENT for what is no AbortSignal
 */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal === undefined) return;
  if (!isSignal(signal)) throw typeError('ERR_ZEST_ARGUMENT', `signal is ${show(signal)}; expected an AbortSignal`);
  signal.throwIfAborted();
};

/** Whether an error is that of a signal that was aborted; what fails for another reason meanwhile has an error of its own. */
export const isInterruption = (error: unknown, signal: AbortSignal | undefined): boolean =>
  signal?.aborted === true && error === signal.reason;

/**
 * Waits for what a function of the caller's gives, as long as the signal is not aborted: it may never settle.
 *
 * @throws `signal.reason`; what the promise rejects with
 */
export const unlessAborted = async <T>(value: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return value;
  // The function may have aborted the signal itself, and fail then: nobody waits for it any more.
  Promise.resolve(value).catch(() => {});
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

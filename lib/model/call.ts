import { throwIfAborted } from '../abort.ts';
import { ZestError } from '../errors.ts';
import type { NativeAbort, NativeBinding } from '../native/binding.ts';

/** What the engine is to do, once its turn has come; `abort` is there where something may stop it. */
export type EngineCall<T> = (abort: NativeAbort | undefined) => Promise<T>;

/** Whether an error comes of the addon, which makes plain ones that have a code. */
const isOfAddon = (error: unknown): error is ZestError => error instanceof ZestError && error.name === 'Error';

/** The codes of a call that was stopped, by its signal or because the model was disposed then. */
const STOPPED: readonly string[] = ['ERR_ZEST_ABORTED', 'ERR_ZEST_DISPOSED'];

/** What each signal stops, and its one listener: Node warns of many. */
const listening = new WeakMap<AbortSignal, { stops: Set<() => void>; listener: () => void }>();

const listen = (signal: AbortSignal, stop: () => void): void => {
  let known = listening.get(signal);
  if (!known) {
    const stops = new Set<() => void>();
    const listener = () => {
      for (const each of stops) each();
    };
    known = { stops, listener };
    listening.set(signal, known);
    signal.addEventListener('abort', listener, { once: true });
  }
  known.stops.add(stop);
};

const leave = (signal: AbortSignal, stop: () => void): void => {
  const known = listening.get(signal);
  if (!known?.stops.delete(stop) || known.stops.size > 0) return;
  listening.delete(signal);
  signal.removeEventListener('abort', known.listener);
};

/**
 * Runs a call of an engine of the binding, which a signal may stop: the promise then rejects with `signal.reason`.
 * Errors of the engine become ZestErrors whose stack leads to the caller; others come through as they are.
 */
export const callEngine = async <T>(
  binding: NativeBinding,
  signal: AbortSignal | undefined,
  call: EngineCall<T>,
): Promise<T> => {
  throwIfAborted(signal);
  const abort = signal && binding.createAbort();
  const stop = () => abort?.abort();
  if (signal) listen(signal, stop);
  try {
    return await call(abort);
  } catch (error) {
    if (!isOfAddon(error)) throw error;
    if (signal?.aborted && STOPPED.includes(error.code)) throw signal.reason;
    throw new ZestError(error.code, error.message);
  } finally {
    if (signal) leave(signal, stop);
  }
};

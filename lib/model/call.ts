import { throwIfAborted } from '../abort.ts';
import { ZestError } from '../errors.ts';
import type { NativeAbort, NativeBinding } from '../native/binding.ts';

/** What the engine is to do, once its turn has come; `abort` is there where something may stop it. */
export type EngineCall<T> = (abort: NativeAbort | undefined) => Promise<T>;

/** Whether an error comes of the addon, which makes plain ones that have a code. */
const isOfAddon = (error: unknown): error is ZestError => error instanceof ZestError && error.name === 'Error';

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
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await call(abort);
  } catch (error) {
    if (!isOfAddon(error)) throw error;
    if (signal?.aborted && error.code === 'ERR_ZEST_ABORTED') throw signal.reason;
    throw new ZestError(error.code, error.message);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
};

/** What holds memory until it is disposed of. */
interface Held {
  dispose(): void;
}

/** Works with something, and disposes of it whatever comes of the work. */
export const disposeAfter = async <H extends Held, T>(held: H, work: (held: H) => T | Promise<T>): Promise<T> => {
  try {
    return await work(held);
  } finally {
    held.dispose();
  }
};

/** Works with something that is the caller's once the work is done, and disposes of it where the work fails. */
export const disposeOnError = async <H extends Held, T>(held: H, work: (held: H) => T | Promise<T>): Promise<T> => {
  try {
    return await work(held);
  } catch (error) {
    held.dispose();
    throw error;
  }
};

/** Closes one thing, if it is there. */
export type Closer = () => unknown;

/**
 * Closes one thing after another: each, though one before it cannot be closed.
 *
 * @throws the first error, once all have been tried
 */
export const closeAll = async (closers: readonly Closer[]): Promise<void> => {
  const errors: unknown[] = [];
  for (const close of closers) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
};

/** Closes all after work has failed, whose error is the one to hear of. */
export const closeOnError = (closers: readonly Closer[]): Promise<void> => closeAll(closers).catch(() => {});

/** Yields what work does, and closes all after it, whatever comes of it; an error of the work comes before theirs. */
export async function* closeAfter<T>(
  work: AsyncGenerator<T, void>,
  closers: readonly Closer[],
): AsyncGenerator<T, void> {
  let hasFailed = false;
  try {
    yield* work;
  } catch (error) {
    hasFailed = true;
    throw error;
  } finally {
    await (hasFailed ? closeOnError(closers) : closeAll(closers));
  }
}

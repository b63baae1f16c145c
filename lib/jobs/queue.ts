/** Events of several jobs in the order in which they came, for one reader. */
class EventQueue<T> {
  readonly #events: T[] = [];
  #ended = false;
  #wake = () => {};

  push(event: T): void {
    this.#events.push(event);
    this.#wake();
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const next = this.#events.shift();
      if (next !== undefined) yield next;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/**
 * Yields the events that `work` pushes until it has ended, and gives what it comes to. `stopped` aborts with `signal`,
 * with `stop`, when the work fails, and when the reader leaves.
 */
export async function* eventsOf<E, R>(
  signal: AbortSignal | undefined,
  work: (push: (event: E) => void, stopped: AbortSignal, stop: () => void) => Promise<R>,
): AsyncGenerator<E, R> {
  const queue = new EventQueue<E>();
  const stop = new AbortController();
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const all = work(
    (event) => queue.push(event),
    stopped,
    () => stop.abort(),
  ).finally(() => queue.end());
  // Its rejection is seen below; while the reader is busy it would count as unhandled.
  all.catch(() => stop.abort());
  try {
    yield* queue;
    return await all;
  } finally {
    stop.abort();
    await all.catch(() => {});
  }
}

import { ZestError } from '../errors.ts';
import type { NativeBinding } from '../native/binding.ts';
import { turns } from '../objectives/turns.ts';
import { callEngine, type EngineCall } from './call.ts';
import { lookForResult } from './look-for-result.ts';

/** A call that was checked: what the engine is to do, and what may stop it. */
export interface CheckedCall<T> {
  run: EngineCall<T>;
  signal?: AbortSignal | undefined;
}

/** The calls on an engine, in the order in which they were made. The engine has a queue of its own behind this one. */
export class CallQueue {
  readonly #binding: NativeBinding;
  readonly #isOnCard: boolean;
  /** Those of work that has the engine alone. */
  readonly #turns = turns();
  #closed = false;

  constructor(binding: NativeBinding, isOnCard: boolean) {
    this.#binding = binding;
    this.#isOnCard = isOnCard;
  }

  /** Hands a call to the engine, past those that wait: of work that has the engine alone. */
  now<T>({ run, signal }: CheckedCall<T>): Promise<T> {
    const call = () => callEngine(this.#binding, signal, run);
    return this.#isOnCard ? lookForResult(call) : call();
  }

  /**
   * Hands a call to the engine after those before it.
   *
   * @throws ERR_ZEST_DISPOSED
   */
  add<T>(call: CheckedCall<T>): Promise<T> {
    this.#assertOpen();
    return this.#turns.over().then(() => this.now(call));
  }

  /**
   * Does work after the calls before it, and is over before the next is handed to the engine.
   *
   * @throws ERR_ZEST_DISPOSED
   */
  alone<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    return this.#turns.inTurn(work);
  }

  /**
   * Waits for the work before it that has the engine alone.
   *
   * @throws ERR_ZEST_DISPOSED
   */
  turn(): Promise<void> {
    this.#assertOpen();
    return this.#turns.over();
  }

  /** Takes no more calls. */
  close(): void {
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new ZestError('ERR_ZEST_DISPOSED', 'the model has been disposed');
  }
}

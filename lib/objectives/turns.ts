/** Calls that take turns. */
export interface Turns {
  /** Does a call after those before it; one that fails holds none up. */
  inTurn<T>(call: () => Promise<T>): Promise<T>;
  /** Settles once the calls so far are over. */
  over(): Promise<void>;
}

/**
 * Does calls one after another, in the order in which they came. Nobody but the caller waits for what a call gives: V8
 * follows a promise on which one waits, and so stacks of errors lead on.
 */
export const turns = (): Turns => {
  let last: Promise<void> = Promise.resolve();
  return {
    async inTurn(call) {
      const before = last;
      let end = () => {};
      last = new Promise((resolve) => {
        end = resolve;
      });
      await before;
      try {
        return await call();
      } finally {
        end();
      }
    },
    over: () => last,
  };
};

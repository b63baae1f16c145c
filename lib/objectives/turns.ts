/**
 * Does calls one after another, in the order in which they came; one that fails holds none up. Nobody but the caller waits
 * for what a call gives: V8 follows a promise on which one waits, and so stacks of errors lead on.
 */
export const turns = (): (<T>(call: () => Promise<T>) => Promise<T>) => {
  let previous: Promise<void> = Promise.resolve();
  return async <T>(call: () => Promise<T>): Promise<T> => {
    const before = previous;
    let end = () => {};
    previous = new Promise((resolve) => {
      end = resolve;
    });
    await before;
    try {
      return await call();
    } finally {
      end();
    }
  };
};

/** Does calls one after another, in the order in which they came; one that fails holds none up. */
export const turns = (): (<T>(call: () => Promise<T>) => Promise<T>) => {
  let previous: Promise<unknown> = Promise.resolve();
  return <T>(call: () => Promise<T>): Promise<T> => {
    const result = previous.then(call);
    previous = result.catch(() => {});
    return result;
  };
};

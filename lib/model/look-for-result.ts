import { setImmediate } from 'node:timers';

/** How long this thread looks for a result before it sleeps: longer than a card takes for a small model's step. */
const LOOK_FOR = 1; // ms

let pending = 0;
/** When the looking ends, as `performance.now()` counts. */
let end = 0;
let isLooking = false;

const look = (): void => {
  isLooking = pending > 0 && performance.now() < end;
  if (isLooking) setImmediate(look);
};

/**
 * Waits for a call of an engine on a card and keeps the event loop from sleeping meanwhile, for 1 ms at most: to be woken
 * takes a thread a good part of what a card needs for a small model's step, and the processor has nothing else to compute.
 * The loop serves whatever else comes.
 */
export const lookForResult = async <T>(call: () => Promise<T>): Promise<T> => {
  pending++;
  end = performance.now() + LOOK_FOR;
  if (!isLooking) {
    isLooking = true;
    setImmediate(look);
  }
  try {
    return await call();
  } finally {
    pending--;
  }
};

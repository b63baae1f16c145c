import { setImmediate } from 'node:timers/promises';

/** Time for which steps that wait for nothing may keep timers, signals and sockets waiting. */
const MOST_MS = 10;

let last = performance.now();

/** Gives the event loop a turn, unless it had one of these some milliseconds ago: promises alone never give it any. */
export const giveTurn = async (): Promise<void> => {
  if (performance.now() - last < MOST_MS) return;
  await setImmediate();
  last = performance.now();
};

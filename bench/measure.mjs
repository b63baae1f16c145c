import { quantile } from '../dist/numbers/statistics.js';

/** Minimum, quartiles and maximum. */
const summarize = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const [min, q1, median, q3, max] = [0, 0.25, 0.5, 0.75, 1].map((fraction) => quantile(sorted, fraction));
  return { min, q1, median, q3, max, runs: values };
};

/** Wall time of an asynchronous call, in ms. */
export const time = async (call) => {
  const start = performance.now();
  await call();
  return performance.now() - start;
};

/**
 * Runs contestants in turn, `repeats` times after one warm-up round, every other round in reverse order, so that none
 * always runs on a machine that another has warmed or worn. A contestant's `run` returns its time in ms.
 */
export const interleave = async (contestants, repeats, onRun) => {
  const times = contestants.map(() => []);
  for (let round = 0; round <= repeats; round++) {
    const order = [...contestants.keys()];
    if (round % 2) order.reverse();
    for (const i of order) {
      const ms = await contestants[i].run();
      if (round > 0) times[i].push(ms);
      onRun?.(contestants[i], round, ms);
    }
  }
  return contestants.map(({ run, ...description }, i) => ({ ...description, ms: summarize(times[i]) }));
};

/** The median of the contestant of that name over another's. */
export const ratio = (rows, name, over) => {
  const median = (wanted) => rows.find((row) => row.name === wanted).ms.median;
  return median(name) / median(over);
};

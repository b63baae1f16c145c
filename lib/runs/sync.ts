/** When a run's log goes to the disk itself: with each step, at most once a second, or as the operating system likes. */
export type SyncPolicy = 'step' | 'seconds' | 'os';

const SECOND_MS = 1000;

/** Says, after each step, whether the log is to be flushed now. */
export const syncSchedule = (policy: SyncPolicy): (() => boolean) => {
  let last = performance.now();
  return () => {
    if (policy !== 'seconds') return policy === 'step';
    const now = performance.now();
    if (now - last < SECOND_MS) return false;
    last = now;
    return true;
  };
};

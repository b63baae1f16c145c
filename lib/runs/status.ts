import type { Summary } from './events.ts';
import type { RunMetrics } from './read-metrics.ts';

/**
 * How a run stands. `running`: it has no end yet, and a process has its folder locked, or, where that cannot be seen from
 * here, its last line is not old.
 */
export type RunStatus = 'finished' | 'interrupted' | 'failed' | 'running';

/**
 * A run of another machine, whose lock may not be seen here, is taken to go on until it has been silent for so many
 * times its longest pause so far …
 */
const PATIENCE = 5;
/** … and for at least so long, in seconds. */
const SILENCE = 120;

/** 40 s, 5 min, 3 h, 2 days: how long ago, roughly. */
const ago = (seconds: number): string => {
  if (seconds < 100) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
};

/**
 * Judges a run by its metrics, its summary, the seconds since its last line, whether its folder is locked, and whether it
 * was begun on this machine, where a run that goes on has the lock.
 */
export const statusOf = (
  { failure, seconds }: RunMetrics,
  summary: Partial<Summary> | undefined,
  { silence, locked, isHere }: { silence: number; locked: boolean; isHere: boolean },
): { status: RunStatus; detail: string } => {
  if (summary) return summary.interrupted ? { status: 'interrupted', detail: '' } : { status: 'finished', detail: '' };
  if (failure !== undefined) return { status: 'failed', detail: failure };
  const longest = seconds.reduce((most, at, i) => Math.max(most, at - (seconds[i - 1] ?? 0)), 0);
  return locked || (!isHere && silence < Math.max(SILENCE, PATIENCE * longest))
    ? { status: 'running', detail: `last line ${ago(silence)} ago` }
    : {
        status: 'failed',
        detail: `no end, and no line for ${ago(silence)}: it was killed, or its program left it; zest train --resume goes on`,
      };
};

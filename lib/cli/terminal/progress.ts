import type { SingleBar } from 'cli-progress';
import { duration, printLine, shown } from './output.ts';

/** Nothing is shown of what takes less. */
const QUIET_SECONDS = 1;
/** Columns of what stands beside a bar: label, count, rate, loss, time left. */
const BESIDE = 70;
const LONGEST_BAR = 20;
const SHORTEST_BAR = 5;
/** Time between two lines where stderr is no terminal. */
const LINE_SECONDS = 10;

export interface ProgressUpdate {
  /** What is under way; another label begins anew. */
  label: string;
  done: number;
  total: number;
  /** What `done` counts, for the rate; absent: no rate. */
  unit?: string;
  /** That `done` took. Default: since the first update of this label. */
  seconds?: number;
  /** Shown behind the rate. */
  detail?: string;
}

/** Shows on stderr how far a command has come. */
export type ShowProgress = (update: ProgressUpdate) => void;

/** What fits into the terminal: a bar, or the numbers alone. */
const barFormat = (): { format: string; barsize: number } => {
  const barsize = Math.min(LONGEST_BAR, (process.stderr.columns ?? BESIDE) - BESIDE);
  const format = barsize < SHORTEST_BAR ? '{value}/{total} {status}' : '{label} [{bar}] {value}/{total} {status}';
  return { format, barsize: Math.max(barsize, 1) };
};

const statusOf = ({ done, total, unit, detail }: ProgressUpdate, seconds: number): string => {
  const rate = unit && `${(done / seconds).toPrecision(3)} ${unit}/s`;
  const left = done < total && `${duration(((total - done) * seconds) / done)} left`;
  return [rate, detail, left].filter(Boolean).join(', ');
};

const makeDisplay = async (): Promise<ShowProgress> => {
  const library = process.stderr.isTTY ? (await import('cli-progress')).default : undefined;
  let bar: SingleBar | undefined;
  let label = '';
  let began = 0;
  let lineAt = 0;
  const clear = (): void => {
    bar?.stop();
    bar = undefined;
  };
  shown.takeAway = clear;
  process.once('exit', clear);

  return (update) => {
    const now = performance.now();
    if (update.label !== label) {
      clear();
      label = update.label;
      began = now;
      lineAt = now;
    }
    const seconds = update.seconds ?? (now - began) / 1000;
    if (seconds < QUIET_SECONDS || update.done === 0) return;
    const status = statusOf(update, seconds);
    if (library) {
      if (bar === undefined) {
        bar = new library.SingleBar({
          ...barFormat(),
          clearOnComplete: true,
        });
        bar.start(update.total, update.done, { label, status });
      } else bar.update(update.done, { status });
    } else if (now - lineAt >= LINE_SECONDS * 1000) {
      lineAt = now;
      printLine(`${label} ${update.done}/${update.total}: ${status}`);
    }
  };
};

let display: Promise<ShowProgress> | undefined;

/**
 * Shows a bar where stderr is a terminal, which lines that are printed take away until the next update; a line now and
 * then elsewhere. One for all that a command does.
 */
export const progressDisplay = (): Promise<ShowProgress> => {
  display ??= makeDisplay();
  return display;
};

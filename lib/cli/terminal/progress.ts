import { printable } from '../../errors.ts';
import { drawLine, duration, printLine, shown } from './output.ts';

/** Nothing is shown of what takes less. */
const QUIET_SECONDS = 1;
/** Columns of what stands beside a bar: label, count, rate, loss, time left. */
const BESIDE = 70;
const LONGEST_BAR = 20;
const SHORTEST_BAR = 5;
/** Time between two pictures of a bar. */
const DRAW_MS = 100;
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

const statusOf = ({ done, total, unit, detail }: ProgressUpdate, seconds: number): string => {
  const rate = unit && `${(done / seconds).toPrecision(3)} ${unit}/s`;
  const left = done < total && `${duration(((total - done) * seconds) / done)} left`;
  return [rate, detail, left].filter(Boolean).join(', ');
};

/** What is shown in so many columns: a bar, or the numbers alone. */
export const progressLine = ({ label, done, total }: ProgressUpdate, status: string, columns: number): string => {
  const numbers = `${done}/${total} ${status}`;
  const size = Math.min(LONGEST_BAR, columns - BESIDE);
  const full = Math.round((size * Math.min(done, total)) / total);
  const line = size < SHORTEST_BAR ? numbers : `${label} [${'='.repeat(full)}${'-'.repeat(size - full)}] ${numbers}`;
  // A terminal goes to the next line behind its last column.
  return printable(line.replace(/[\n\t]/g, ' ')).slice(0, columns - 1);
};

const makeDisplay = (): ShowProgress => {
  const { stderr } = process;
  let latest: { update: ProgressUpdate; status: string } | undefined;
  let label = '';
  let began = 0;
  let lineAt = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  const clear = (): void => {
    if (latest) drawLine('');
    latest = undefined;
    drawnAt = Number.NEGATIVE_INFINITY;
  };
  const draw = (): void => {
    if (!latest) return;
    // Those of now, not of the last signal; a terminal that does not know says 0.
    const columns = stderr.getWindowSize()[0] || BESIDE;
    drawLine(progressLine(latest.update, latest.status, columns));
  };
  if (stderr.isTTY) {
    shown.takeAway = clear;
    stderr.on('resize', draw);
    process.once('exit', clear);
  }

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
    if (stderr.isTTY) {
      latest = { update, status };
      if (now - drawnAt < DRAW_MS) return;
      drawnAt = now;
      draw();
    } else if (now - lineAt >= LINE_SECONDS * 1000) {
      lineAt = now;
      printLine(`${label} ${update.done}/${update.total}: ${status}`);
    }
  };
};

let display: ShowProgress | undefined;

/**
 * Shows a bar where stderr is a terminal, which lines that are printed take away until the next update; a line now and
 * then elsewhere. One for all that a command does.
 */
export const progressDisplay = (): ShowProgress => {
  display ??= makeDisplay();
  return display;
};

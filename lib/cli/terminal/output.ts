import { printable } from '../../errors.ts';
import type { EstimateEvent, Warning } from '../../runs/events.ts';
import { definitionOf, type Measures, metricNames, shownMetric } from '../../tasks/metrics.ts';
import { brief, formatCount } from '../../text/show.ts';

/** What is shown for the moment, such as a bar, and makes room for the lines that are printed. */
export const shown = { takeAway: (): void => {} };

// All that the command line writes goes through the functions below: names and texts of files never reach a terminal as
// what it obeys.

/**
 * Takes a line away, and what became of it in a terminal that was made narrower: the cursor waits at the line's first
 * column, so that all rows that it was broken into are behind it.
 */
const CLEAR = '\r\x1b[J';

/** Shows a line for the moment, where stderr is a terminal; an empty one takes it away. */
export const drawLine = (line: string): void => {
  process.stderr.write(line === '' ? CLEAR : `${CLEAR}${printable(line)}\r`);
};

/** One line for a person. */
export const printLine = (line: string): void => {
  shown.takeAway();
  process.stderr.write(`${printable(line)}\n`);
};

/** A piece of a text that was asked for, on stdout: for a file or a program as it is. */
export const printText = (text: string): void => {
  if (process.stdout.isTTY) shown.takeAway();
  process.stdout.write(process.stdout.isTTY ? printable(text) : text);
};

/** One line of what was asked for, on stdout. */
export const printOut = (line: string): void => printText(`${printable(line)}\n`);

/** A warning, as people read it. */
export const warningLine = ({ code, message }: Warning, of = ''): string =>
  printable(`warning: ${of}${message} (${code})`);

/** One line for a program. JSON leaves the control characters from U+007F on as they are. */
export const printJson = (value: object): void =>
  printOut(
    JSON.stringify(value).replace(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`),
  );

/** 7 s, 2 min 5 s, 3 h 12 min. */
export const duration = (seconds: number): string => {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
};

/** Bytes as 14 MB. */
export const megabytes = (bytes: number): string => `${formatCount(Math.round(bytes / 1e6))} MB`;

/** The metrics of a score, or how they changed: accuracy 81.3 %, F1 79.0 %, Matthews 0.412. */
export const metricsText = (score: Measures, from?: Measures): string => {
  const parts = metricNames().flatMap((metric) => {
    const [value, old] = [score[metric], from?.[metric]];
    if (value === undefined) return [];
    const change = old === undefined ? '' : `${shownMetric(metric, old)} → `;
    return [`${definitionOf(metric).title} ${change}${shownMetric(metric, value)}`];
  });
  return parts.join(', ');
};

/** Says of a run's log that its end is left out: it was written when the run was killed, or is being written. */
export const sayTorn = (run: string, bytes: number): void => {
  if (bytes === 0) return;
  printLine(`${run}: ${formatCount(bytes)} bytes at the end of its log are no whole record, and are left out`);
};

/** Characters of a line of stderr. */
export const lineWidth = (): number => process.stderr.columns || 120;

/** Writes 1 answer, 2 answers. */
export const counted = (value: number, what: string): string =>
  `${formatCount(value)} ${what}${value === 1 ? '' : 's'}`;

/** Columns under their titles; the first `textColumns` are text, the others numbers. */
export const table = (rows: readonly (readonly string[])[], textColumns: number): string => {
  const lines = rows.map((row) => row.map((cell) => cell.replace(/[\n\t]/g, ' ')));
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  const padded = (cell: string, column: number) =>
    column < textColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((row) => row.map(padded).join('  ').trimEnd()).join('\n');
};

/** Two digits that count, in ms below a second. */
const briefly = (seconds: number): string => (seconds < 1 ? `${brief(1000 * seconds)} ms` : duration(seconds));

/** The time and the memory that a run will take. */
export const estimateText = ({ seconds, forwards, evaluations, memory, ...each }: EstimateEvent): string => {
  const parts = [`${formatCount(forwards)} forwards of ${briefly(each.forwardSeconds)}`];
  if (each.updateSeconds) parts.push(`updates of ${briefly(each.updateSeconds)}`);
  if (evaluations) parts.push(`${formatCount(evaluations)} evaluations of ${briefly(each.evaluationSeconds)}`);
  const held =
    memory &&
    `; memory about ${megabytes(memory.total)}, ${megabytes(memory.weights)} of it weights and ${megabytes(memory.activations)} activations`;
  return `about ${duration(seconds)}: ${parts.join(', ')}${held ?? ''}`;
};

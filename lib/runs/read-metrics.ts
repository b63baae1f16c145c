import { isObject, parseJson } from '../text/json.ts';

/** The axes that runs are compared over. */
export interface RunAxes {
  /** Steps taken. */
  step: number;
  /** Forward passes of a batch so far. */
  forwards: number;
  /** Time since the first step began, in s. */
  seconds: number;
}

export interface Evaluation extends RunAxes {
  split: string;
  /** accuracy, loss and whatever else was measured. */
  values: Record<string, number>;
}

/** The content of a metrics.jsonl. */
export interface RunMetrics {
  /** One entry a step, as in every list of `values`. */
  step: number[];
  forwards: number[];
  seconds: number[];
  /** Scalars of the steps by name; NaN where a step has no number of that name. */
  values: Map<string, number[]>;
  evaluations: Evaluation[];
  /** The start event as written. */
  start?: Record<string, unknown>;
  /** What the run was warned of. */
  warnings: { code: string; message: string }[];
  /** The message of the failure that ended the run. */
  failure?: string;
}

type Line = Record<string, unknown>;

/** Names of scalars that are read at most: each takes room for all steps. */
const MOST_NAMES = 200;

const isStep = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);

/** A count or a time; NaN for what cannot be one. */
const amountOf = (value: unknown): number => {
  const amount = numberOf(value);
  return amount >= 0 && amount <= Number.MAX_SAFE_INTEGER ? amount : Number.NaN;
};

/** The objects of the lines. A torn last line is left out silently: that is how a run that goes on, or was killed, looks. */
const parseLines = (text: string, notes: string[]): Line[] => {
  const lines = text.split('\n');
  let broken = 0;
  const objects = lines.flatMap((line, i): Line[] => {
    if (line.trim() === '') return [];
    const value = parseJson(line);
    if (isObject(value)) return [value];
    if (i < lines.length - 1) broken++;
    return [];
  });
  if (broken) notes.push(`${broken} ${broken === 1 ? 'line' : 'lines'} of its metrics.jsonl could not be read.`);
  return objects;
};

/**
 * The lines without steps and evaluations that were taken again later: a run that goes on from an earlier step has the
 * same ones once more.
 */
const withoutRetaken = (lines: readonly Line[]): Line[] => {
  let earliest = Number.POSITIVE_INFINITY;
  const evaluated = new Set<string>();
  const kept = lines.toReversed().filter(({ kind, split, step }) => {
    if ((kind !== 'step' && kind !== 'evaluation') || !isStep(step)) return true;
    if (step >= earliest) return false;
    if (kind === 'step') {
      earliest = step;
      return true;
    }
    const place = `${step} ${split}`;
    if (evaluated.has(place)) return false;
    evaluated.add(place);
    return true;
  });
  return kept.reverse();
};

const BOOKKEEPING: ReadonlySet<string> = new Set(['kind', 'split', 'step', 'forwards', 'seconds', 'count']);

const scalarsOf = (line: Line): [string, number][] =>
  Object.entries(line).flatMap(([key, value]): [string, number][] => {
    // JSON has no NaN: JSON.stringify writes null.
    if (BOOKKEEPING.has(key) || (typeof value !== 'number' && value !== null)) return [];
    return [[key, numberOf(value)]];
  });

/**
 * Reads a metrics.jsonl of any version of node-zest. Kinds that it does not know are passed over, and so are steps
 * without a number. `forwardsOfStep` serves where the lines do not count forwards.
 */
export const readMetrics = (text: string, forwardsOfStep: number, notes: string[]): RunMetrics => {
  const metrics: RunMetrics = { step: [], forwards: [], seconds: [], values: new Map(), evaluations: [], warnings: [] };
  /** Where a step is in the lists. */
  const places = new Map<number, number>();
  let resumedAt = 0;
  let isCrowded = false;
  for (const line of withoutRetaken(parseLines(text, notes))) {
    const { step } = line;
    if (line.kind === 'start') metrics.start = line;
    if (line.kind === 'warning' && typeof line.code === 'string' && typeof line.message === 'string') {
      metrics.warnings.push({ code: line.code, message: line.message });
    }
    if (line.kind === 'failure')
      metrics.failure = typeof line.message === 'string' ? line.message : 'without a message';
    if (!isStep(step)) continue;
    if (line.kind === 'step') {
      metrics.failure = undefined;
      const previous = metrics.seconds.at(-1) ?? 0;
      const seconds = amountOf(line.seconds);
      // The clock of a run that was resumed begins anew.
      if (seconds + resumedAt < previous) resumedAt = previous;
      const forwards = amountOf(line.forwards);
      places.set(step, metrics.step.length);
      metrics.step.push(step);
      metrics.forwards.push(Number.isFinite(forwards) ? forwards : step * forwardsOfStep);
      metrics.seconds.push(Number.isFinite(seconds) ? seconds + resumedAt : previous);
      for (const [key, value] of scalarsOf(line)) {
        const list = metrics.values.get(key) ?? [];
        if (list.length === 0 && metrics.values.size === MOST_NAMES) {
          isCrowded = true;
          continue;
        }
        while (list.length < metrics.step.length - 1) list.push(Number.NaN);
        metrics.values.set(key, list);
        list.push(value);
      }
    } else if (line.kind === 'evaluation' && typeof line.split === 'string') {
      const at = places.get(step) ?? -1;
      const forwards = amountOf(line.forwards);
      metrics.evaluations.push({
        split: line.split,
        step,
        forwards: Number.isFinite(forwards) ? forwards : (metrics.forwards[at] ?? step * forwardsOfStep),
        seconds: metrics.seconds[at] ?? (step === 0 ? 0 : (metrics.seconds.at(-1) ?? 0)),
        values: Object.fromEntries(scalarsOf(line)),
      });
    }
  }
  if (isCrowded) notes.push(`Its steps have more than ${MOST_NAMES} scalars; the first ones are shown.`);
  for (const list of metrics.values.values()) {
    while (list.length < metrics.step.length) list.push(Number.NaN);
  }
  return metrics;
};

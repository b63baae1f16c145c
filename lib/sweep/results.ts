import { deviation, mean } from '../numbers/statistics.ts';
import type { Summary } from '../runs/events.ts';
import { gain, type Metric, metricNames } from '../tasks/metrics.ts';
import type { Score } from '../tasks/task.ts';
import { isObject } from '../text/json.ts';
import { distinctions, type GridRun, isSeed } from './grid.ts';

/** Mean and spread of a score over runs. */
export interface Spread {
  /** Mean over the runs. */
  mean: number;
  /** Sample standard deviation over the runs; null for one run. */
  deviation: number | null;
}

/** Spread of the loss and of the task's metrics over runs. */
export type ScoreSpread = { loss: Spread } & { [metric in Metric]?: Spread };

/** Result of one run. */
export type SweepRun = GridRun &
  (
    | ({ status: 'done'; validation: Score } & Pick<
        Summary,
        'steps' | 'forwards' | 'before' | 'kept' | 'stoppedEarly' | 'digest'
      >)
    | { status: 'failed'; error: string }
  );

/** Result of a point: of the runs that differ in seeds alone. */
export interface SweepPoint {
  /** Name that the runs share, without the seeds. */
  name: string;
  /** Values of the runs by key, without the seeds. */
  values: Record<string, unknown>;
  /** Names of the runs. */
  runs: string[];
  /** Number of runs that failed. */
  failed: number;
  /** Score of the weights that each finished run kept, on the validation data; null if none finished. */
  validation: ScoreSpread | null;
  /** Mean number of forward passes of a run, counted by the engine; null if none finished. */
  forwards: number | null;
  /** Score on the test data; only of the chosen point, and only with data.test. */
  test?: ScoreSpread;
}

/** Content of sweep.json: the same bytes whether or not the sweep was stopped on the way. */
export interface SweepResult {
  /** Values of the grid by key. */
  grid: Record<string, readonly unknown[]>;
  /** Number of forward passes that each run was allowed, if one was set. */
  forwards?: number;
  /** Metric that points are chosen by: the first of the task. */
  metric: Metric;
  /** Name of the point with the best mean validation metric, the lower mean loss of equals; null if none is whole. */
  best: string | null;
  /** Points in the order of the grid. */
  points: SweepPoint[];
  /** Runs in the order of the grid. */
  runs: SweepRun[];
  /** Version of node-zest. */
  version: string;
}

const spread = (values: readonly number[]): Spread => ({
  mean: mean(values),
  deviation: values.length > 1 ? deviation(values) : null,
});

/** Scores over runs. */
export const spreadOf = (scores: readonly Score[]): ScoreSpread => {
  const measured = metricNames().map((metric) => [metric, scores.flatMap((score) => score[metric] ?? [])] as const);
  const metrics = measured.flatMap(([metric, values]) => (values.length ? [[metric, spread(values)] as const] : []));
  return { ...Object.fromEntries(metrics), loss: spread(scores.map(({ loss }) => loss)) };
};

/** The row of a run that got to its end. */
export const doneRun = ({ name, point, values }: GridRun, summary: Summary): SweepRun => {
  const { steps, forwards, kept, before, stoppedEarly, digest } = summary;
  const validation = summary.validation as Score;
  return { name, point, values, status: 'done', steps, forwards, kept, before, validation, stoppedEarly, digest };
};

/** The runs by point, in the order in which points first occur. */
export const pointsOf = (runs: readonly SweepRun[]): SweepPoint[] => {
  const byPoint = new Map<string, SweepRun[]>();
  for (const run of runs) byPoint.set(run.point, [...(byPoint.get(run.point) ?? []), run]);
  return [...byPoint].map(([name, ofPoint]) => {
    const done = ofPoint.filter((run) => run.status === 'done');
    return {
      name,
      values: Object.fromEntries(Object.entries(ofPoint[0]?.values ?? {}).filter(([key]) => !isSeed(key))),
      runs: ofPoint.map((run) => run.name),
      failed: ofPoint.length - done.length,
      validation: done.length ? spreadOf(done.map(({ validation }) => validation)) : null,
      forwards: done.length ? mean(done.map(({ forwards }) => forwards)) : null,
    };
  });
};

/** A value as it is typed in a grid, though without quotes. */
const written = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  return isObject(value) ? `{${entriesOf(value)}}` : typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
};
const entriesOf = (value: Record<string, unknown>): string =>
  Object.entries(value)
    .map(([key, inner]) => `${key}: ${written(inner)}`)
    .join(', ');

/**
 * The values of a key as a table shows them, one a point: of objects, such as whole optimizers, what tells them apart,
 * as in the names of their folders.
 */
export const shownValues = (points: readonly Pick<SweepPoint, 'values'>[], key: string): string[] => {
  const values = points.map((point) => point.values[key]);
  const shown = distinctions(values);
  return shown.map((value) => (shown !== values && isObject(value) ? entriesOf(value) : written(value)));
};

/** A mean without the last digits, in which means of the same values differ by the order of their sum. */
const rounded = (spread: Spread | undefined): number | undefined => {
  if (!spread) return undefined;
  const isRounding = Math.abs(spread.mean) < 1e-12 * (spread.deviation ?? 0);
  return isRounding ? 0 : Number(spread.mean.toPrecision(12));
};

/** Best first: better mean metric, then lower mean loss; points with failed runs last. */
export const ranked = (points: readonly SweepPoint[], metric: Metric): SweepPoint[] => {
  return [...points].sort((a, b) => {
    if (a.failed !== b.failed) return a.failed - b.failed;
    if (!a.validation || !b.validation) return 0;
    const better = gain(metric, rounded(b.validation[metric]), rounded(a.validation[metric]));
    return better || a.validation.loss.mean - b.validation.loss.mean;
  });
};

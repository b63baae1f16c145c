import type { Diagnostic } from '../methods/method.ts';
import { allMethods } from '../methods/registry.ts';
import { deviation, mean } from '../numbers/statistics.ts';
import type { RunRecord } from '../runs/read.ts';
import type { Evaluation, RunAxes } from '../runs/read-metrics.ts';
import { DEFAULT_METRICS, type Metric, metricNames } from '../tasks/metrics.ts';
import { type Axis, lineChart, type Series } from './chart.ts';
import { runStyles, type SeedGroup } from './compare-runs.ts';
import { table } from './html.ts';
import { formatOf, metricOf, titleOf } from './metric.ts';
import { type Figure, figure } from './page.ts';
import { type Format, formatNumber, type ValueScaleOptions } from './scale.ts';
import { binned, equalBins, movingMean } from './series.ts';

/** The ways to lay runs out, the first as the page opens. */
const PROGRESS = ['forwards', 'step', 'seconds'] as const;
/** Points of a line at most: the plot is some 300 units wide. */
const BINS = 150;
/** Evaluations are drawn as points, too, up to so many. */
const POINTS = 60;
/** Half the window that lines are smoothed over, as a share of the run's steps. */
export const SMOOTHING = 0.02;
/** Lines of a chart's table at most. */
const TABLE_ROWS = 11;

/** The horizontal axes, each from 0 to the end of the longest run. */
export const progressAxes = (runs: readonly RunRecord[]): Axis[] =>
  PROGRESS.map((key) => {
    const places = runs.flatMap((run) => [...run[key], ...run.evaluations.map((evaluation) => evaluation[key])]);
    const end = places.reduce((most, place) => Math.max(most, place), 0);
    return { key, label: key === 'step' ? 'steps' : key, domain: [0, end || 1] };
  });

interface StepChart {
  id: string;
  title: string;
  words: string;
  y?: { format?: Format } & ValueScaleOptions;
  values(run: RunRecord): readonly number[] | undefined;
}

const scalar = (name: string) => (run: RunRecord) => run.values.get(name);

/** A scalar of the steps, divided by their forwards. */
const perForward =
  (name: string) =>
  ({ values, forwards, step }: RunRecord): number[] | undefined =>
    values.get(name)?.map((value, i) => {
      const steps = step[i]! - (step[i - 1] ?? step[i]! - 1);
      const taken = i > 0 ? forwards[i]! - forwards[i - 1]! : forwards[0]! / step[0]!;
      return (value * steps) / taken;
    });

const LOSS: StepChart = {
  id: 'training-loss',
  title: 'Training loss',
  words: 'Mean loss of each step’s evaluations, on its batch.',
  values: scalar('meanLoss'),
};
const LEARNING_RATE: StepChart = {
  id: 'learning-rate',
  title: 'Learning rate',
  words: 'After the schedule.',
  y: { log: false, low: 0 },
  values: scalar('learningRate'),
};

const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const chartOf = (name: string, { title, words, perForward: share }: Diagnostic): StepChart => ({
  id: dashed(name),
  title,
  words,
  ...(share && { y: { format: 'percent', low: 0, high: 1.02, log: false } }),
  values: share ? perForward(name) : scalar(name),
});

/** The loss, each diagnostic of a method, and the learning rate. */
const stepCharts = (): StepChart[] => {
  const diagnostics = new Map(allMethods().flatMap((method) => Object.entries<Diagnostic>(method.diagnostics)));
  return [
    LOSS,
    ...[...diagnostics].filter(([, { chart = true }]) => chart).map(([name, one]) => chartOf(name, one)),
    LEARNING_RATE,
  ];
};

/** Makes series of values at a run's steps or evaluations: put into bins, and smoothed over a share of them to each side. */
const seriesAt = (
  { name, run, ...style }: { name: string; run: number; color: number; label: string },
  progress: Record<keyof RunAxes, readonly number[]>,
  smoothing = 0,
) => {
  const bins = equalBins(progress.step.length, BINS);
  // The same lists for all of its series, so that the page has them once.
  const x = PROGRESS.map((key) => bins.last.map((i) => progress[key][i]!));
  return (values: readonly number[]): Series => {
    const { mean, low, high } = binned(values, bins);
    const radius = Math.round(values.length * smoothing);
    return {
      name,
      ...style,
      run,
      x,
      y: mean,
      ...(bins.from.length < values.length && { low, high }),
      ...(radius > 0 && { trend: movingMean(values, radius, bins.last) }),
    };
  };
};

const listsOf = (evaluations: readonly RunAxes[]): Record<keyof RunAxes, number[]> => ({
  step: evaluations.map(({ step }) => step),
  forwards: evaluations.map(({ forwards }) => forwards),
  seconds: evaluations.map(({ seconds }) => seconds),
});

/** The numbers of a chart's lines at some places of its first axis. */
const numbers = (title: string, axis: Axis, series: readonly Series[], format: Format): string => {
  const all = [...new Set(series.flatMap(({ x }) => x[0] ?? []))].sort((a, b) => a - b);
  const every = Math.max(1, (all.length - 1) / (TABLE_ROWS - 1));
  const chosen = Array.from({ length: Math.min(all.length, TABLE_ROWS) }, (_, i) => all[Math.round(i * every)]!);
  const at = ({ x, y, trend }: Series, place: number): string => {
    // What the line has reached by then.
    const index = (x[0] ?? []).findLastIndex((value) => value <= place);
    const ended = index === (x[0]?.length ?? 0) - 1 && (x[0]?.[index] ?? 0) < place;
    return index < 0 || ended ? '' : formatNumber((trend ?? y)[index]!, format);
  };
  return table({
    caption: `${title} over ${axis.label}`,
    columns: [axis.label, ...series.map(({ name }) => name)],
    rows: chosen.map((place) => [formatNumber(place), ...series.map((one) => at(one, place))]),
  });
};

const makeFigure = (
  { id, title, words, y = {} }: Omit<StepChart, 'values'>,
  axes: readonly Axis[],
  series: readonly Series[],
): Figure | undefined => {
  if (!series.some((one) => one.y.some(Number.isFinite))) return undefined;
  const format = y.format ?? 'number';
  const ends = series.map(({ name, y, trend }) => {
    const last = (trend ?? y).findLast(Number.isFinite);
    return `${name} ends at ${formatNumber(last ?? Number.NaN, format)}`;
  });
  const description = `${words} ${ends.join('; ')}.`;
  const chart = lineChart({ id, title, description, axes, y: { label: title, ...y }, series });
  return { chart, html: figure(chart, title, words, numbers(title, axes[0]!, series, format)) };
};

/** Names of what evaluations measured: metrics in their order, then others, the loss last. */
const measured = (runs: readonly RunRecord[]): string[] => {
  const found = runs.flatMap(({ evaluations }) => evaluations.flatMap(({ values }) => Object.keys(values)));
  const ordered = new Set<string>([...metricNames(), ...found.filter((name) => name !== 'loss'), 'loss']);
  return [...ordered].filter((name) => found.includes(name));
};

const validations = ({ evaluations }: RunRecord): Evaluation[] =>
  evaluations.filter(({ split }) => split === 'validation');

const evaluationFigures = (
  runs: readonly RunRecord[],
  styles: readonly { color: number; label: string }[],
  axes: readonly Axis[],
): (Figure | undefined)[] => {
  const scored = runs.map((run, i) => {
    const list = validations(run);
    return { list, toSeries: seriesAt({ name: run.name, run: i, ...styles[i]! }, listsOf(list)) };
  });
  return measured(runs).map((metric) => {
    const series = scored.flatMap(({ list, toSeries }): Series[] =>
      list.length
        ? [
            {
              ...toSeries(list.map(({ values }) => values[metric] ?? Number.NaN)),
              points: list.length <= POINTS,
            },
          ]
        : [],
    );
    const words = 'On the validation data, from the model as it came.';
    const id = `validation-${metric.replace(/[^a-zA-Z0-9]/g, '-')}`;
    const title = `Validation ${titleOf(metric)}`;
    return makeFigure({ id, title, words, y: { format: formatOf(metric) } }, axes, series);
  });
};

/** Mean and standard deviation over seeds, at the evaluations that all runs of a group have. */
const seedFigure = (
  runs: readonly RunRecord[],
  groups: readonly SeedGroup[],
  styles: readonly { color: number }[],
  axes: readonly Axis[],
) => {
  const metrics = new Set(groups.flatMap((group) => group.runs.map((run) => metricOf(runs[run]!.config))));
  const [metric] = (metrics.size === 1 ? [...metrics] : DEFAULT_METRICS) as [Metric];
  const series = groups.flatMap((group): Series[] => {
    const [first = [], ...others] = group.runs.map((run) => validations(runs[run]!));
    const shared = first.flatMap((evaluation) => {
      const found = others.map((list) => list.find(({ step }) => step === evaluation.step));
      return found.every((one) => one !== undefined) ? [[evaluation, ...found]] : [];
    });
    if (shared.length === 0) return [];
    const scores = shared.map((list) => list.map(({ values }) => values[metric] ?? Number.NaN));
    const x = PROGRESS.map((key) => shared.map((list) => mean(list.map((evaluation) => evaluation[key]))));
    return [
      {
        name: group.name,
        color: styles[group.runs[0]!]!.color,
        x,
        y: scores.map(mean),
        low: scores.map((values) => mean(values) - deviation(values)),
        high: scores.map((values) => mean(values) + deviation(values)),
      },
    ];
  });
  const title = `Validation ${titleOf(metric)} over seeds`;
  const words =
    'Mean of the finished runs that differ in training.seed alone; the band is one sample standard deviation.';
  return makeFigure({ id: 'seeds', title, words, y: { format: formatOf(metric) } }, axes, series);
};

/** The charts that the runs have values for. */
export const runFigures = (
  runs: readonly RunRecord[],
  groups: readonly SeedGroup[],
  axes: readonly Axis[],
): Figure[] => {
  const styles = runStyles(runs, groups);
  const seriesOf = runs.map((run, i) => seriesAt({ name: run.name, run: i, ...styles[i]! }, run, SMOOTHING));
  const ofSteps = stepCharts().map((chart) => {
    const series = runs.flatMap((run, i) => {
      const values = chart.values(run);
      const toSeries = seriesOf[i];
      return toSeries && values?.length ? [toSeries(values)] : [];
    });
    return makeFigure(chart, axes, series);
  });
  const [loss, ...others] = ofSteps;
  const [first, ...scores] = evaluationFigures(runs, styles, axes);
  const seeds = seedFigure(runs, groups, styles, axes);
  return [first, loss, seeds, ...scores, ...others].filter((one) => one !== undefined);
};

import { deviation, mean } from '../numbers/statistics.ts';
import type { RunRecord } from '../runs/read.ts';
import type { RunStatus } from '../runs/status.ts';
import { gain, type Measures, type Metric, metricDigits, metricNames, metricUnit } from '../tasks/metrics.ts';
import type { SeedGroup } from './compare-runs.ts';
import { escaped, table } from './html.ts';
import { formatOf, metricOf, titleOf } from './metric.ts';
import { colorKey } from './page.ts';
import { formatNumber } from './scale.ts';

/** Overview of a run in a report; JSON. Numbers that the run does not have are null. */
export interface RunOverview {
  /** Folder of the run, as it was given. */
  path: string;
  /** Name of the run, distinct among the runs of the report. */
  name: string;
  /** Status of the run. */
  status: RunStatus;
  /** Reason why it failed, or age of its last line; may be empty. */
  detail: string;
  /** Number of steps taken. */
  steps: number;
  /** Number of forward passes of a batch that training took. */
  forwards: number;
  /** Time since its first step began, in s. */
  seconds: number;
  /** Metric of `before`, `best`, `last` and `test`: the first of the task. */
  metric: Metric;
  /** Metric of the model as it came, on the validation data. */
  before: number | null;
  /** Metric at its best, on the validation data. */
  best: number | null;
  /** Metric at the end, on the validation data. */
  last: number | null;
  /** Metric of the weights that were kept, on the test data. */
  test: number | null;
  /** All metrics of the task, where `before`, `best`, `last` and `test` are its first; what was not measured is null. */
  measures: Record<'before' | 'best' | 'last' | 'test', Measures | null>;
  /** Warnings of settings that are known not to work. */
  warnings: { code: string; message: string }[];
  /** Sentences that say what could not be read. */
  notes: string[];
}

const finiteOrNull = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** The metrics among what an evaluation measured. */
const metricsOf = (values: object | undefined): Measures | null => {
  const found = metricNames().flatMap((metric) => {
    const value = finiteOrNull((values as Measures | undefined)?.[metric]);
    return value === null ? [] : [[metric, value] as const];
  });
  return found.length > 0 ? Object.fromEntries(found) : null;
};

/** What a run came to, in one line. */
export const overview = (run: RunRecord): RunOverview => {
  const { path, name, status, detail, step, forwards, seconds, evaluations, summary, warnings, notes } = run;
  const metric = metricOf(run.config);
  const valuesOn = (split: string) => evaluations.filter((one) => one.split === split).map(({ values }) => values);
  const validations = valuesOn('validation');
  const before = evaluations.find((evaluation) => evaluation.split === 'validation' && evaluation.step === 0)?.values;
  const [best] = validations
    .filter((values) => Number.isFinite(values[metric]))
    .sort((a, b) => gain(metric, b[metric], a[metric]));
  const last = validations.at(-1);
  const test = valuesOn('test').at(-1) ?? summary?.test;
  return {
    path,
    name,
    status,
    detail,
    steps: step.at(-1) ?? 0,
    forwards: forwards.at(-1) ?? 0,
    seconds: seconds.at(-1) ?? 0,
    metric,
    before: finiteOrNull(before?.[metric]),
    best: finiteOrNull(best?.[metric]),
    last: finiteOrNull(last?.[metric]),
    test: finiteOrNull(test?.[metric] ?? summary?.test?.[metric]),
    measures: { before: metricsOf(before), best: metricsOf(best), last: metricsOf(last), test: metricsOf(test) },
    warnings,
    notes,
  };
};

const score = (value: number | null, metric: Metric): string => formatNumber(value ?? Number.NaN, formatOf(metric));

/** The metric that the task names first, and then its others, with their names. */
const scores = ({ metric, measures, ...one }: RunOverview, key: keyof RunOverview['measures']): string => {
  const others = metricNames().flatMap((other) => {
    const value = measures[key]?.[other];
    return other === metric || value === undefined ? [] : [`${titleOf(other)} ${score(value, other)}`];
  });
  return [score(one[key], metric), ...others].join(', ');
};

const titles = (overviews: readonly RunOverview[]): string =>
  [...new Set(overviews.map(({ metric }) => titleOf(metric)))].join(', ');

const named = (color: number, name: string) => ({ html: `${colorKey(color)} ${escaped(name)}` });

/** What is said of a run that ended, by the code of the warning. */
const OUTCOMES: Readonly<Record<string, string>> = {
  WARN_ZEST_DIVERGED: 'diverged',
  WARN_ZEST_UNTRAINED: 'learned nothing',
  WARN_ZEST_ONE_ANSWER: 'one answer to all',
  WARN_ZEST_WORSE_THAN_CHANCE: 'worse than chance',
  WARN_ZEST_CHANCE: 'no better than chance',
  WARN_ZEST_WITHIN_NOISE: 'gained within noise',
};

const stateOf = ({ status, detail }: RunOverview, { summary, warnings }: RunRecord): string => {
  // At its end a run says what it came to; what it was warned of before may be over.
  const codes = (Array.isArray(summary?.warnings) ? summary.warnings : warnings).map((warning) => warning?.code);
  const outcomes = Object.entries(OUTCOMES).flatMap(([code, words]) => (codes.includes(code) ? [words] : []));
  const more = [detail, ...outcomes].filter(Boolean).join(', ');
  return more ? `${status}: ${more}` : status;
};

const summaryTable = (
  runs: readonly RunRecord[],
  overviews: readonly RunOverview[],
  colors: readonly number[],
): string =>
  table({
    caption: `Scores are ${titles(overviews)}; forwards of a batch, as the engine counted them`,
    columns: ['run', 'state', 'before', 'best validation', 'last validation', 'test', 'forwards', 'steps', 'seconds'],
    numbersFrom: 2,
    rowAttributes: (row) => `data-run="${row}"`,
    rows: overviews.map((one, i) => {
      const planned = runs[i]?.config.get('training.steps');
      return [
        named(colors[i]!, one.name),
        stateOf(one, runs[i]!),
        ...(['before', 'best', 'last', 'test'] as const).map((key) => scores(one, key)),
        formatNumber(one.forwards),
        planned && one.steps !== Number(planned) ? `${formatNumber(one.steps)} of ${planned}` : formatNumber(one.steps),
        formatNumber(Number(one.seconds.toPrecision(3))),
      ];
    }),
  });

const spreadOf = (values: readonly (number | null)[], metric: Metric): string => {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return '–';
  const [centre, spread] = [mean(known), deviation(known)];
  const count = known.length < values.length ? ` (${known.length} runs)` : '';
  return Number.isNaN(spread)
    ? `${score(centre, metric)}${count}`
    : `${metricDigits(metric, centre)} ± ${metricDigits(metric, spread)}${metricUnit(metric)}${count}`;
};

const seedTable = (
  groups: readonly SeedGroup[],
  overviews: readonly RunOverview[],
  colors: readonly number[],
): string =>
  groups.length
    ? table({
        caption: 'Finished runs that differ in training.seed alone: mean ± sample standard deviation',
        columns: ['runs', 'seeds', 'best validation', 'last validation', 'test'],
        rows: groups.map(({ name, runs }) => {
          const members = runs.map((i) => overviews[i]!);
          const { metric } = members[0]!;
          return [
            named(colors[runs[0]!]!, name),
            String(runs.length),
            ...(['best', 'last', 'test'] as const).map((key) =>
              spreadOf(
                members.map((member) => member[key]),
                metric,
              ),
            ),
          ];
        }),
      })
    : '';

/** A line for each kind of warning, with the first run that has it, and one for each note. */
const remarks = (overviews: readonly RunOverview[]): string => {
  const warned = new Map<string, { text: string; runs: number }>();
  for (const { name, warnings } of overviews) {
    // One that was told while the run went on is told at its end as it is then.
    for (const { code, message } of new Map(warnings.map((warning) => [warning.code, warning])).values()) {
      const { text, runs } = warned.get(code) ?? { text: `${name}: warning: ${message} (${code})`, runs: 0 };
      warned.set(code, { text, runs: runs + 1 });
    }
  }
  const items = [
    ...[...warned.values()].map(({ text, runs }) => (runs > 1 ? `${text}; ${runs} runs were warned of this` : text)),
    ...overviews.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`)),
  ];
  return items.length ? `<ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>` : '';
};

/** The first section of a page: a row a run, a row a group of seeds, warnings, and what could not be read. */
export const summarySection = (
  runs: readonly RunRecord[],
  overviews: readonly RunOverview[],
  groups: readonly SeedGroup[],
  colors: readonly number[],
): string =>
  `<section><h2>Summary</h2>${summaryTable(runs, overviews, colors)}${remarks(overviews)}${seedTable(groups, overviews, colors)}</section>`;

import { Option } from 'commander';
import { isInterruption } from '../../abort.ts';
import type { SweepEvent, SweepOptions } from '../../sweep/events.ts';
import type { Spread, SweepPoint, SweepResult } from '../../sweep/results.ts';
import { metricSpread, spreadText } from '../../sweep/spread.ts';
import { definitionOf, type Metric } from '../../tasks/metrics.ts';
import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, type ConfigOptions, configOptions, counting, repeated } from '../command.ts';
import { EXIT_FAILED } from '../terminal/failure.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { duration, megabytes, metricsText, printJson, printLine, table, warningLine } from '../terminal/output.ts';
import { progressDisplay, type ShowProgress } from '../terminal/progress.ts';

type SweepCommandOptions = ConfigOptions & Omit<SweepOptions, 'grid' | 'overrides' | 'signal'> & { grid?: string[] };

const measured = (value: Spread | undefined, metric: Metric): string =>
  value === undefined ? '' : metricSpread(value, metric);
const loss = (value: Spread): string => spreadText(value, (nats) => nats.toFixed(4));

const pointRow = (
  values: readonly string[],
  metric: Metric,
  { runs, failed, validation, forwards }: SweepPoint,
): string[] => [
  ...values,
  `${runs.length - failed} of ${runs.length}`,
  ...(validation ? [measured(validation[metric], metric), loss(validation.loss)] : ['failed', '']),
  forwards === null ? '' : formatCount(Math.round(forwards)),
];

/** The points, best first, and what to make of them. */
const resultLines = async ({ points, runs, best, metric }: SweepResult, output: string): Promise<string> => {
  const { ranked, shownValues } = await import('../../sweep/results.ts');
  const order = ranked(points, metric);
  const keys = Object.keys(points[0]?.values ?? {});
  const titles = [...keys, 'runs', `validation ${definitionOf(metric).title}`, 'loss', 'forwards'];
  const shown = keys.map((key) => shownValues(order, key));
  const rows = order.map((point, i) =>
    pointRow(
      shown.map((texts) => texts[i]!),
      metric,
      point,
    ),
  );
  const lines = ['', table([titles, ...rows], keys.length)];
  for (const run of runs) if (run.status === 'failed') lines.push(`${run.name} failed: ${run.error}`);
  const chosen = points.find(({ name }) => name === best);
  if (!chosen) lines.push('no point without a failed run: none is chosen');
  else {
    const tested = chosen.test ? `; test ${measured(chosen.test[metric], metric)}` : '';
    lines.push(`best by validation: ${chosen.name || 'the only point'}${tested}`);
  }
  lines.push(`all of it in ${output}/sweep.json`);
  return lines.join('\n');
};

/** Shows events, and keeps count of the steps of all runs. */
const shower = (progress: ShowProgress) => {
  const stepsOf = new Map<string, { done: number; total: number }>();
  /** Each is told of one run. */
  const warned = new Set<string>();
  let total = 0;
  let runs = 0;
  let ended = 0;
  const update = () => {
    const done = [...stepsOf.values()].reduce((sum, run) => sum + run.done, 0);
    progress({ label: 'sweep', unit: 'steps', done, total, detail: `${ended} of ${runs} runs` });
  };
  return async (event: SweepEvent): Promise<void> => {
    switch (event.kind) {
      case 'start': {
        const { output, finished, jobs, threads } = event;
        ({ runs, steps: total } = event);
        ended = finished;
        const there = finished ? `, ${finished} of them finished before` : '';
        printLine(`${runs} runs in ${output}${there}; ${jobs} at a time, threads each: ${threads}`);
        break;
      }
      case 'estimate': {
        const { seconds, forwards, memory } = event;
        const held = memory === undefined ? '' : `; memory about ${megabytes(memory)}`;
        printLine(`about ${duration(seconds)} for ${formatCount(forwards)} forwards and the evaluations${held}`);
        break;
      }
      case 'train': {
        const known = stepsOf.get(event.name);
        if (event.event.kind === 'warning' && !warned.has(event.event.code)) {
          warned.add(event.event.code);
          printLine(warningLine(event.event, `${event.name}: `));
        }
        if (event.event.kind === 'start') stepsOf.set(event.name, { done: 0, total: event.event.steps });
        if ((event.event.kind === 'step' || event.event.kind === 'resume') && known) {
          known.done = event.event.step;
          update();
        }
        break;
      }
      case 'run': {
        const { run } = event;
        ended++;
        const known = stepsOf.get(run.name);
        if (known) known.done = known.total;
        const outcome = run.status === 'done' ? `validation ${metricsText(run.validation)}` : `failed: ${run.error}`;
        printLine(`${run.name}: ${outcome}`);
        update();
        break;
      }
      case 'done':
        printLine(await resultLines(event.result, event.output));
        break;
    }
  };
};

export const command: CommandDefinition = {
  argument: 'YAML or JSON file',
  options: [
    ...configOptions,
    repeated('--grid <key=a,b,c>', 'values of a key of the configuration; may be repeated'),
    new Option('--resume', 'go on with the runs that are not finished'),
    counting('--jobs <n>', 'runs at a time (default: one a thread; one on a CUDA device)'),
    counting('--forwards <n>', 'forward passes of each run; sets training.steps'),
    new Option('--output <folder>', 'instead of the output of the configuration'),
  ],
  async action(path: string, { set: overrides, json, ...options }: SweepCommandOptions) {
    const { parseAxis } = await import('../../sweep/grid.ts');
    const { sweep } = await import('../../sweep/sweep.ts');
    const grid = (options.grid ?? []).map(parseAxis);
    const progress = progressDisplay();
    const signal = stopSignal();
    const show = shower(progress);
    try {
      for await (const event of sweep(path, { ...options, grid, overrides, signal })) {
        if (json) printJson(event);
        await show(event);
        if (event.kind === 'done' && event.result.runs.some(({ status }) => status === 'failed')) {
          process.exitCode = EXIT_FAILED;
        }
      }
    } catch (error) {
      if (isInterruption(error, signal)) printLine('stopped; --resume goes on');
      throw error;
    }
  },
};

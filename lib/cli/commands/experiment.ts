import { join } from 'node:path';
import { type ExperimentEvent, experiment } from '../../comparison/compare.ts';
import { EXPERIMENTS, experimentMetric } from '../../comparison/datasets.ts';
import { experimentMarkdown } from '../../comparison/table.ts';
import { type Metric, shownMetric } from '../../tasks/metrics.ts';
import { EXIT_FAILED } from '../terminal/failure.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { duration, printJson, printLine } from '../terminal/output.ts';

export interface ExperimentCommandOptions {
  data: string;
  output?: string;
  forwards?: number;
  jobs?: number;
  methods?: string;
  json?: boolean;
}

const runLine = (event: ExperimentEvent & { kind: 'run' }, metric: Metric): string => {
  const { method, learningRate, seed, validation, error, seconds } = event;
  const outcome = validation
    ? `validation ${shownMetric(metric, validation[metric] ?? Number.NaN)}, loss ${validation.loss.toFixed(4)}`
    : `failed: ${error}`;
  return `${method}, learning rate ${learningRate.toExponential()}, seed ${seed}: ${outcome}, ${duration(seconds)}`;
};

/** `zest experiment` */
export const experimentCommand = async (name: string | undefined, options: ExperimentCommandOptions): Promise<void> => {
  if (name === undefined) {
    for (const known of EXPERIMENTS) process.stdout.write(`${known}\n`);
    return;
  }
  const signal = stopSignal();
  const events = experiment(name, {
    data: options.data,
    output: options.output ?? join('runs', 'experiments', name),
    forwards: options.forwards,
    jobs: options.jobs,
    methods: options.methods?.split(','),
    signal,
  });
  try {
    for await (const event of events) {
      if (options.json) printJson(event);
      if (event.kind === 'run') printLine(runLine(event, experimentMetric(name)));
      else {
        if (!options.json) process.stdout.write(`${experimentMarkdown(event.result)}\n`);
        printLine(`all of it in ${join(event.output, 'experiment.json')}`);
        if (event.result.methods.some(({ runs }) => runs.includes(null))) process.exitCode = EXIT_FAILED;
      }
    }
  } catch (error) {
    if (signal.aborted) printLine('stopped; the same command goes on');
    throw error;
  }
};

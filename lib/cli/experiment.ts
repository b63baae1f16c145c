import { join } from 'node:path';
import { EXPERIMENTS } from '../experiments/datasets.ts';
import { experiment } from '../experiments/experiment.ts';
import { experimentMarkdown } from '../experiments/table.ts';
import { stopSignal } from './interrupt.ts';
import { duration, percent, printJson, printLine } from './output.ts';

export interface ExperimentCommandOptions {
  data: string;
  output?: string;
  forwards?: string;
  jobs?: string;
  methods?: string;
  json?: boolean;
}

const wholeNumber = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

/** `zest experiment` */
export const experimentCommand = async (name: string | undefined, options: ExperimentCommandOptions): Promise<void> => {
  if (name === undefined) {
    for (const known of EXPERIMENTS) process.stdout.write(`${known}\n`);
    return;
  }
  const events = experiment(name, {
    data: options.data,
    output: options.output ?? join('runs', 'experiments', name),
    forwards: wholeNumber(options.forwards),
    jobs: wholeNumber(options.jobs),
    methods: options.methods?.split(','),
    signal: stopSignal(),
  });
  for await (const event of events) {
    if (options.json) printJson(event);
    if (event.kind === 'run') {
      const { method, learningRate, seed, validation, seconds } = event;
      const outcome = validation
        ? `validation ${percent(validation.accuracy)}, loss ${validation.loss.toFixed(4)}`
        : 'failed';
      printLine(
        `${method}, learning rate ${learningRate.toExponential()}, seed ${seed}: ${outcome}, ${duration(seconds)}`,
      );
    } else {
      if (!options.json) process.stdout.write(`${experimentMarkdown(event.result)}\n`);
      printLine(`all of it in ${join(event.output, 'experiment.json')}`);
    }
  }
};

import { join } from 'node:path';
import { Option } from 'commander';
import { isInterruption } from '../../abort.ts';
import type { ExperimentEvent, ExperimentOptions } from '../../comparison/compare.ts';
import { type Metric, shownMetric } from '../../tasks/metrics.ts';
import { type CommandDefinition, counting } from '../command.ts';
import { EXIT_FAILED } from '../terminal/failure.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { duration, printJson, printLine, printOut } from '../terminal/output.ts';

type ExperimentCommandOptions = Pick<
  ExperimentOptions,
  'data' | 'forwards' | 'jobs' | 'seeds' | 'model' | 'examples' | 'rungs' | 'evaluations'
> & {
  output?: string;
  methods?: string;
  json?: boolean;
};

const runLine = (event: ExperimentEvent & { kind: 'run' }, metric: Metric): string => {
  const { method, learningRate, strength, seed, validation, error, seconds } = event;
  const chosen = learningRate === undefined ? `C = ${strength}` : `learning rate ${learningRate.toExponential()}`;
  const outcome = validation
    ? `validation ${shownMetric(metric, validation[metric] ?? Number.NaN)}, loss ${validation.loss.toFixed(4)}`
    : `failed: ${error}`;
  return `${method}, ${chosen}, seed ${seed}: ${outcome}, ${duration(seconds)}`;
};

export const command: CommandDefinition = {
  argument: 'none: list the names',
  options: [
    new Option('--data <folder>', 'has a folder a data set, sst2 say; the words of afinn come with node-zest'),
    new Option('--output <folder>', 'default: runs/experiments/NAME; finished runs there are not run again'),
    counting(
      '--forwards <n>',
      'forward passes of each run (default: 4000 for words and questions, 2000 for sentences)',
    ),
    counting('--seeds <n>', 'seeds that are tested with the chosen learning rate (default: 5)'),
    new Option('--model <folder or name>', 'of smollm2-… (default: HuggingFaceTB/SmolLM2-135M-Instruct)'),
    counting('--examples <n>', 'examples that smollm2-… is tested on (default: 256)'),
    counting(
      '--rungs <n>',
      'half decades that the search for a learning rate goes to either side (default: 2; 0: none)',
    ),
    counting(
      '--evaluations <n>',
      'of a run; of several the weights best in validation are kept (default: 1, the last)',
    ),
    counting('--jobs <n>', 'runs at a time (default: one a thread; one on a CUDA device)'),
    new Option('--methods <a,b,c>', 'only these; the table has those of earlier calls too'),
    new Option('--json', 'print one JSON object a line on stdout, instead of the table'),
  ],
  async action(name: string | undefined, options: ExperimentCommandOptions) {
    const { EXPERIMENTS, experimentMetric } = await import('../../comparison/datasets.ts');
    if (name === undefined) {
      for (const known of EXPERIMENTS) printOut(known);
      return;
    }
    const { compareMethods } = await import('../../comparison/compare.ts');
    const { experimentMarkdown } = await import('../../comparison/table.ts');
    const signal = stopSignal();
    const events = compareMethods(name, {
      ...options,
      output: options.output ?? join('runs', 'experiments', name),
      methods: options.methods?.split(','),
      signal,
    });
    try {
      for await (const event of events) {
        if (options.json) printJson(event);
        if (event.kind === 'run') printLine(runLine(event, experimentMetric(name)));
        else {
          if (!options.json) printOut(experimentMarkdown(event.result));
          printLine(`all of it in ${join(event.output, 'experiment.json')}`);
          if (event.result.methods.some(({ runs }) => runs.includes(null))) process.exitCode = EXIT_FAILED;
        }
      }
    } catch (error) {
      if (isInterruption(error, signal)) printLine('stopped; the same command goes on');
      throw error;
    }
  },
};

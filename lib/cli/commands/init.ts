import { Option } from 'commander';
import type { Initialized } from '../../init/init.ts';
import { formatCount, listed, percent } from '../../text/show.ts';
import { type CommandDefinition, jsonLines } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { printJson, printLine } from '../terminal/output.ts';

interface InitCommandOptions {
  output?: string;
  model?: string;
  text?: string[];
  label?: string;
  findLearningRate?: boolean;
  json?: boolean;
}

const initializedText = (start: Initialized): string => {
  const { file, written, texts, label, rows, balance, leftOut, tokens, columns } = start;
  const labels = balance.map(({ name, count: times }) => `${name} ${percent(times / (rows - leftOut))}`);
  const header = columns ? ', without a header line' : '';
  const { task } = start;
  const asked = 'template' in task ? task.template : 'prompt' in task ? task.prompt : undefined;
  const prompt = asked === undefined ? 'a new head' : `the prompt ${JSON.stringify(asked)}`;
  const answers = balance.length === 0 ? [task.kind === 'regression' ? 'numbers' : 'texts'] : labels;
  return [
    `${file}: ${formatCount(rows)} rows${header}${leftOut ? `, ${formatCount(leftOut)} of them without a label or a text` : ''}`,
    `text in ${texts.map((name) => JSON.stringify(name)).join(' and ')}, ${tokens.median} tokens in the median, ${tokens.most} at most, with ${prompt}`,
    `label in ${JSON.stringify(label)}: ${listed(answers, 8)}`,
    ...(start.whyNotFound === undefined ? [] : [`no learning rate was found: ${start.whyNotFound}`]),
    `written to ${written}; now look at it, and at what the model sees:`,
    `  zest train ${written} --dry-run`,
    `  zest train ${written}`,
  ].join('\n');
};

export const command: CommandDefinition = {
  argument:
    '.jsonl, .csv, .tsv or .parquet, a folder, a glob, or hf://datasets/… with a text, or a pair of texts, and a label, a number or an answer a row',
  options: [
    new Option('--output <file>', 'the configuration; default: the name of the data with .yaml'),
    new Option(
      '--model <path>',
      'the name of a model on the hub, its folder, or a GGUF file (default: film-roberta-mini, which comes with node-zest)',
    ),
    new Option('--text <column,column>', 'the column of the text, or the two of a pair').argParser((value: string) =>
      value.split(','),
    ),
    new Option('--label <column>', 'the column of the label'),
    new Option('--find-learning-rate', 'find one for these data, in some 500 to 900 forwards'),
    jsonLines,
  ],
  async action(file: string, { json, ...options }: InitCommandOptions) {
    const { init } = await import('../../init/init.ts');
    const initialized = await init(file, { ...options, signal: stopSignal() });
    if (json) printJson({ kind: 'init', ...initialized });
    printLine(initializedText(initialized));
  },
};

#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ROW_FORMATS } from '../data/row-stream.ts';
import { version } from '../version.ts';
import { EXIT_USAGE, exitStatus, reportError } from './terminal/failure.ts';
import { outliveReaders } from './terminal/interrupt.ts';

const wholeNumber = (value: string): number => {
  if (/^\d+$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Expected a whole number.');
};

const numbers = (value: string): number[] =>
  value.split(',').map((part) => {
    if (part.trim() !== '' && Number.isFinite(Number(part))) return Number(part);
    throw new InvalidArgumentError('Expected numbers with commas between.');
  });

const collect = (value: string, earlier: string[]): string[] => [...earlier, value];

const program = new Command('zest')
  .description('Fine-tune small transformers with forward passes only.')
  .version(version)
  .exitOverride()
  .addHelpText(
    'after',
    '\nConfigurations are described in docs/train.md; `zest train --schema` prints their JSON Schema.',
  );

const withSet = (command: Command): Command =>
  command
    .option('--set <key.path=value>', 'override a key of the configuration; may be repeated', collect, [])
    .option('--json', 'print one JSON object a line on stdout');

withSet(program.command('train'))
  .description('fine-tune a model as a configuration says')
  .argument('[config]', 'YAML or JSON file')
  .option('--overwrite', 'replace a run that the output folder holds')
  .option('--find-learning-rate', 'print a learning rate and how it was found; train nothing')
  .option('--schema', 'print the JSON Schema of configurations')
  .action(async (config, options) => (await import('./commands/train.ts')).trainCommand(config, options));

withSet(program.command('evaluate'))
  .description('score the model of a configuration as it came, or the weights that a run kept')
  .argument('<config|run>', 'YAML or JSON file, or the folder of a run')
  .action(async (path, options) => (await import('./commands/evaluate.ts')).evaluateCommand(path, options));

withSet(program.command('predict'))
  .description('label the rows of a file, one JSON object a line on stdout')
  .argument('<run|config>', 'the folder of a run, or a YAML or JSON file: the model as it came')
  .requiredOption(
    '--input <file>',
    '.jsonl, .csv, .tsv, or .txt with a text a line; - is stdin, JSON lines or plain text',
  )
  .option('--output <file>', 'write the answers there')
  .addOption(new Option('--format <format>', 'of the input, whatever its name').choices(ROW_FORMATS))
  .action(async (path, options) => (await import('./commands/predict.ts')).predictCommand(path, options));

withSet(program.command('sharpness'))
  .description('measure how sharp the loss is around the weights: of a model as it came, or before and after a run')
  .argument('<config|run>', 'YAML or JSON file, or the folder of a run')
  .option('--split <name>', 'train, validation or test', 'train')
  .option('--examples <n>', 'examples of the split, all if it has fewer', wholeNumber, 256)
  .option('--radii <list>', 'perturbation per coordinate, ascending', numbers, [1e-3, 2e-3, 5e-3])
  .option('--samples <n>', 'directions of each mean, each both ways', wholeNumber, 32)
  .option('--seed <n>', 'of the directions', wholeNumber, 0)
  .option('--slice <n>', 'points along each axis of the picture, odd; 0: none', wholeNumber, 11)
  .option('--eigenvalues <n>', 'largest eigenvalues of the Hessian, for few trainable parameters', wholeNumber, 0)
  .option('--no-before', 'of a run, measure only the weights that it kept')
  .option('--output <folder>', 'for sharpness.json and sharpness.html; default: the folder of the run')
  .action(async (path, options) => (await import('./commands/sharpness.ts')).sharpnessCommand(path, options));

program
  .command('report')
  .description('show and compare runs in one HTML page, which needs no network')
  .argument('<run...>', 'folders of runs, finished or not')
  .option('--output <file>', 'the page; replaced if it is there', 'report.html')
  .option('--json', 'print what the page says of each run, one JSON object a line on stdout')
  .action(async (runs, options) => (await import('./commands/report.ts')).reportCommand(runs, options));

withSet(program.command('sweep'))
  .description('train every combination of some values, and choose the best by validation')
  .argument('<config>', 'YAML or JSON file')
  .option('--grid <key=a,b,c>', 'values of a key of the configuration; may be repeated', collect, [])
  .option('--resume', 'go on with the runs that are not finished')
  .option('--jobs <n>', 'runs at a time (default: one a thread)', wholeNumber)
  .option('--forwards <n>', 'forward passes of each run; sets training.steps', wholeNumber)
  .option('--output <folder>', 'instead of the output of the configuration')
  .action(async (config, options) => (await import('./commands/sweep.ts')).sweepCommand(config, options));

program
  .command('experiment')
  .description('compare methods at equal forwards on a data set, as docs/results.md does')
  .argument('[name]', 'none: list the names')
  .option('--data <folder>', 'has the folders sst2, mr, sst5 and trec', '../shared/data')
  .option('--output <folder>', 'default: runs/experiments/NAME; finished runs there are not run again')
  .option(
    '--forwards <n>',
    'forward passes of each run (default: 4000 for words and questions, 2000 for sentences)',
    wholeNumber,
  )
  .option('--jobs <n>', 'runs at a time (default: the cores)', wholeNumber)
  .option('--methods <a,b,c>', 'only these; the table has those of earlier calls too')
  .option('--json', 'print one JSON object a line on stdout, instead of the table')
  .action(async (name, options) => (await import('./commands/experiment.ts')).experimentCommand(name, options));

program
  .command('demo')
  .description('fine-tune the built-in model on words that people rated, with MeZO and with ZEST')
  .option('--json', 'print one JSON object a line on stdout')
  .action(async (options) => (await import('./commands/demo.ts')).demoCommand(options));

program
  .command('doctor')
  .description('show what this machine can run')
  .option('--json', 'print one JSON object on stdout')
  .action(async (options) => (await import('./commands/doctor.ts')).doctorCommand(options));

program
  .command('build')
  .description('compile the native addon on this machine')
  .option('--cuda', 'the one with the CUDA backend, which needs the CUDA toolkit 13')
  .option('--output <folder>', 'put it there, for ZEST_NATIVE, instead of into the package')
  .action(async (options) => (await import('./commands/build.ts')).buildCommand(options));

outliveReaders();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else {
    reportError(error);
    process.exitCode = exitStatus(error);
  }
}

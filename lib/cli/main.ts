#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { EXIT_USAGE, exitStatus, reportError } from './failure.ts';
import { outliveReaders } from './interrupt.ts';

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
  .action(async (config, options) => (await import('./train.ts')).trainCommand(config, options));

withSet(program.command('evaluate'))
  .description('score the model of a configuration as it came, or the weights that a run kept')
  .argument('<config|run>', 'YAML or JSON file, or the folder of a run')
  .action(async (path, options) => (await import('./evaluate.ts')).evaluateCommand(path, options));

withSet(program.command('sweep'))
  .description('train every combination of some values, and choose the best by validation')
  .argument('<config>', 'YAML or JSON file')
  .option('--grid <key=a,b,c>', 'values of a key of the configuration; may be repeated', collect, [])
  .option('--resume', 'go on with the runs that are not finished')
  .option('--jobs <n>', 'runs at a time (default: one a thread)')
  .option('--forwards <n>', 'forward passes of each run; sets training.steps')
  .option('--output <folder>', 'instead of the output of the configuration')
  .action(async (config, options) => (await import('./sweep.ts')).sweepCommand(config, options));

program
  .command('demo')
  .description('fine-tune the built-in model on words that people rated, with MeZO and with ZEST')
  .option('--json', 'print one JSON object a line on stdout')
  .action(async (options) => (await import('./demo.ts')).demoCommand(options));

program
  .command('doctor')
  .description('show what this machine can run')
  .option('--json', 'print one JSON object on stdout')
  .action(async (options) => (await import('./doctor.ts')).doctorCommand(options));

program
  .command('build')
  .description('compile the native addon on this machine')
  .option('--cuda', 'the one with the CUDA backend, which needs the CUDA toolkit 13')
  .action(async (options) => (await import('./build.ts')).buildCommand(options));

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

#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import type { CommandDefinition } from './command.ts';
import { reportDownloads } from './terminal/downloads.ts';
import { EXIT_INPUT, exitStatus, reportError, reportWarnings } from './terminal/failure.ts';
import { outliveReaders } from './terminal/interrupt.ts';
import { printJson, printLine, printText, shown } from './terminal/output.ts';

/** What help lists of the commands, in order; commands/NAME.ts has the rest, and is read only when it is called. */
const COMMANDS: Readonly<Record<string, string>> = {
  'init <data>': 'look at a data file, and write a configuration to start from',
  'train [config]': 'fine-tune a model as a configuration says',
  'replay <run>': 'rebuild the weights of any step of a run from its base and its log',
  'export-log <run> <file>': 'write a fine-tune as a file of kilobytes: what it is of, and its log',
  'apply-log <base> <log>': 'rebuild the weights of a fine-tune from its base and its log',
  'evaluate <config|run|model>':
    'score a model as it came, of a configuration or on --task, or the weights that a run kept',
  'predict <run|config>': 'label the rows of a file, one JSON object a line on stdout',
  'generate <model|run>': 'continue a text with a causal model, token by token on stdout',
  'merge <model|run>': 'write a model with its adapter merged, or a GGUF file, as a folder that transformers loads',
  'sharpness <config|run>':
    'measure how sharp the loss is around the weights: of a model as it came, or before and after a run',
  'report <run...>': 'show and compare runs in one HTML page, which needs no network',
  'sweep <config>': 'train every combination of some values, and choose the best by validation',
  'experiment [name]': 'compare methods at equal forwards on a data set, as docs/results.md does',
  'study [name]': 'answer a question about the methods on functions whose answer is known, as docs/studies.md does',
  demo: 'fine-tune the built-in model on words that people rated, with MeZO, ZEST and auto',
  doctor: 'show what this machine can run',
  build: 'compile the native addon on this machine',
};

const program = new Command('zest')
  .description('Fine-tune small transformers with forward passes only.')
  .version(version)
  .exitOverride()
  .configureOutput({ writeOut: printText, writeErr: (text) => printLine(text.trimEnd()) })
  .configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
  .addHelpText(
    'after',
    '\nConfigurations are described in docs/train.md; `zest train --schema` prints their JSON Schema.',
  );

/** Node's own, for an await that nothing is left to settle. */
const EXIT_UNSETTLED = 13;
process.once('exit', () => {
  if (process.exitCode !== EXIT_UNSETTLED) return;
  printLine(
    'error: nothing is left to do, and something is waited for: a module of a reward or a method that awaits what never comes?',
  );
  process.exitCode = EXIT_INPUT;
});

outliveReaders();
reportWarnings();
reportDownloads();
try {
  for (const [usage, help] of Object.entries(COMMANDS)) {
    const command = program.command(usage).description(help);
    if (!process.argv.includes(command.name())) continue;
    const module: { command: CommandDefinition } = await import(`./commands/${command.name()}.ts`);
    const { argument, options, action } = module.command;
    const helps = [argument ?? ''].flat();
    for (const [i, each] of command.registeredArguments.entries()) each.description = helps[i] ?? '';
    for (const option of options) command.addOption(option);
    command.action((...input) => action(...(input as never[])));
  }
  await program.parseAsync().finally(() => shown.takeAway());
} catch (error) {
  const json = process.argv.includes('--json');
  if (!(error instanceof CommanderError)) {
    reportError(error, { json, options: program.commands.flatMap((command) => command.options) });
    process.exitCode = exitStatus(error);
  } else if (error.exitCode !== 0) {
    // Commander has told people already.
    if (json) printJson({ kind: 'error', code: null, message: error.message.replace(/^error: /, '') });
    process.exitCode = EXIT_INPUT;
  }
}

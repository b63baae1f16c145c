import { InvalidArgumentError, Option } from 'commander';

/**
 * What a command takes and does; main.ts lists it. Its action imports what it needs, so that its help loads none of it.
 */
export interface CommandDefinition {
  /** Help for its argument, if it has one; of several for each, in order. */
  argument?: string | readonly string[];
  options: readonly Option[];
  /** Takes the arguments, if there are some, and the options by name. */
  action(...input: never[]): Promise<void>;
}

const wholeNumber = (value: string): number => {
  if (/^\d+$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Expected a whole number.');
};

const finite = (value: string, expected: string): number => {
  if (value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  throw new InvalidArgumentError(`Expected ${expected}.`);
};

export const number = (value: string): number => finite(value, 'a number');

export const numbers = (value: string): number[] =>
  value.split(',').map((part) => finite(part, 'numbers with commas between'));

/** An option that takes a whole number. */
export const counting = (flags: string, help: string, absent?: number): Option =>
  new Option(flags, help).argParser(wholeNumber).default(absent);

/** An option that may be repeated. */
export const repeated = (flags: string, help: string): Option =>
  new Option(flags, help).argParser((value: string, earlier: string[] = []) => [...earlier, value]);

export const jsonLines = new Option('--json', 'print one JSON object a line on stdout');

/** Options of every command that reads a configuration. */
export interface ConfigOptions {
  set?: string[];
  json?: boolean;
}

export const configOptions: readonly Option[] = [
  repeated('--set <key.path=value>', 'override a key of the configuration; may be repeated'),
  jsonLines,
];

import { rangeError, typeError } from '../errors.ts';
import type { Task } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A kind of task: how its spec is checked, and the task made of it. */
export interface TaskKind<S, T extends Task> {
  /** Keys of its specs. */
  keys: readonly string[];
  /** Checks a spec of these keys as far as that goes without a tokenizer. Throws ERR_ZEST_OPTION naming the key. */
  check(spec: S): void;
  /** Makes the task, for prompts of at most `maxLength` tokens. */
  make(spec: S, tokenizer: Tokenizer, maxLength: number | undefined): T;
}

/** Checks a list of strings that are not empty. Throws ERR_ZEST_OPTION naming the key. */
export const checkedStrings = (key: string, value: unknown): readonly string[] => {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string' && item !== '')) {
    throw typeError('ERR_ZEST_OPTION', `task.${key} must be a list of strings that are not empty`);
  }
  return value;
};

/** Checks that no string is there twice, too. */
export const distinctStrings = (key: string, value: unknown): readonly string[] => {
  const strings = checkedStrings(key, value);
  const repeated = strings.find((item, i) => strings.indexOf(item) !== i);
  if (repeated === undefined) return strings;
  throw rangeError('ERR_ZEST_OPTION', `task.${key} has ${JSON.stringify(repeated)} twice`);
};

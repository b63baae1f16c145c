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

import type { z } from 'zod';
import type { Task } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A kind of task: how it is written, and the task made of that. */
export interface TaskKind<S, T extends Task> {
  /** Its keys with their descriptions; `kind` is the literal that names it. */
  schema: z.ZodObject;
  /** Makes the task, for prompts of at most `maxLength` tokens. */
  make(spec: S, tokenizer: Tokenizer, maxLength: number | undefined): T | Promise<T>;
}

import type { z } from 'zod';
import type { Metric } from './metrics.ts';
import type { ExampleFields, Task } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Makes the fields that a task reads of those that a data file has. */
export type Derive = (fields: ExampleFields) => ExampleFields;

/** A kind of task: how it is written, and the task made of that. */
export interface TaskKind<S, T extends Task> {
  /** Its keys with their descriptions; `kind` is the literal that names it. */
  schema: z.ZodObject;
  /** What its tasks are judged by that do not say. */
  defaultMetrics: readonly Metric[];
  /** Makes the task, for prompts of at most `maxLength` tokens; `derive` makes its fields of the data's. */
  make(spec: S, tokenizer: Tokenizer, maxLength: number | undefined, derive?: Derive): T | Promise<T>;
}

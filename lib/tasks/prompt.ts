import type { Target } from '../model/batch.ts';
import type { LabelledExample } from './example.ts';
import type { Derive } from './kind.ts';
import type { Encoding } from './tokenizer.ts';

/** A text as the model sees it, and what is asked of it. */
export interface Prompt {
  ids: Int32Array;
  /** Absent where all are 0. */
  segments?: Int32Array;
  /** Number of tokens of the text that were cut. */
  cut: number;
  target(label: number): Target;
  /** What is trained on instead, where that is something else. */
  training?(label: number): { ids: readonly number[]; target: Target };
}

/** The ids and segments of a prompt. */
export const packed = ({ ids, segments }: Encoding): Pick<Prompt, 'ids' | 'segments'> => ({
  ids: Int32Array.from(ids),
  ...(segments.some((segment) => segment !== 0) && { segments: Int32Array.from(segments) }),
});

/** How a kind of classification asks for a label. */
export interface Asking {
  /** How many labels there are. */
  classes: number;
  /** A word a label, where the model answers with one. */
  words?: readonly string[];
  /** Fields that are read, each a string. */
  fields: readonly string[];
  /** Makes the prompt of an example's fields. */
  make(fields: Readonly<Record<string, string>>): Prompt;
  /** Shows examples with their labels before each prompt from now on; absent where that cannot be. */
  demonstrate?(examples: readonly LabelledExample[], separator: string): void;
  /** Makes the fields that it reads of those that a data file has. */
  derive?: Derive;
}

import type { Batch } from '../batch.ts';
import type { Row } from '../data/rows.ts';
import type { CallOptions } from '../objective.ts';
import type { Measures, Metric } from './metrics.ts';

/** What a task asks of a model: one row of scores a sequence; `Model` is one. */
export interface Scorer {
  logits(batch: Batch, options?: CallOptions): Promise<Float32Array[]>;
}

/** An example of a task, checked. */
export interface Example {
  readonly fields: Readonly<Record<string, string>>;
  /** Where it comes from, `file:line`. */
  readonly source: string;
}

/** An example as a data file has it: a field a key, the answer among them. */
export type ExampleFields = Readonly<Record<string, unknown>>;

/** Options of scoring and answering. */
export interface ScoreOptions extends CallOptions {
  /** Sequences a call of the model. Default 32. */
  batchSize?: number;
  /** Told after each batch how many examples of how many are done. */
  onProgress?: (done: number, total: number) => void;
}

/** How well a model does on examples. */
export interface Score extends Measures {
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** How many examples. */
  count: number;
}

/** Which of the training examples a run takes: `shots` of each class, or all; `labelNoise` is a share of wrong answers. */
export interface Sampling {
  shots?: number;
  labelNoise: number;
  seed: number;
}

/** Sequences a call of the model where scoring is not told otherwise. */
export const evaluationBatchSize = 32;

/** What every task does: it turns rows into examples and those into batches, and a model's scores into metrics and answers. */
export interface Task<E extends Example = Example> {
  /** Fields that are read, each a string. */
  readonly fields: readonly string[];
  /** What it is judged by; the first decides which weights are best. */
  readonly metrics: readonly Metric[];
  /** Checks rows of a data file; `unlabelled` (default false) takes rows without an answer. */
  examples(rows: readonly Row[], options?: { unlabelled?: boolean }): E[];
  /** As {@link examples}, for one row. */
  example(row: Row, options?: { unlabelled?: boolean }): E;
  /** Chooses those that a run trains on. */
  sample(examples: readonly E[], sampling: Sampling): E[];
  batch(examples: readonly (E | ExampleFields)[]): Batch;
  /** Scores a model on examples, evaluated in order. */
  score(model: Scorer, examples: readonly (E | ExampleFields)[], options?: ScoreOptions): Promise<Score>;
  /** What a model makes of examples, as `predict` gives it: an object of JSON each. */
  answers(model: Scorer, examples: readonly E[], options?: ScoreOptions): Promise<Record<string, unknown>[]>;
}

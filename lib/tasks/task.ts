import type { Row } from '../data/rows.ts';
import type { Batch } from '../model/batch.ts';
import type { GenerateOptions } from '../model/generate.ts';
import type { CallOptions, Point } from '../objective.ts';
import type { AnswerReport } from './answer-report.ts';
import type { ClassificationReport } from './classification-report.ts';
import type { Measures, Metric } from './metrics.ts';

/** A model as a task asks it: one row of scores a sequence. `Model` is one. */
export interface Scorer {
  /** Computes the scores of each sequence. */
  logits(batch: Batch, options?: CallOptions): Promise<Float32Array[]>;
}

/** A model as a task asks it that wants texts. `Model` is one. */
export interface Writer {
  /** Ids of the tokens that end a text. Default: none. */
  readonly endTokens?: readonly number[];
  /** Continues prompts. */
  generate(prompts: readonly (readonly number[])[], options: GenerateOptions): Promise<number[][]>;
  /** Computes the loss of each sequence at each point. */
  sequenceLosses(batch: Batch, points: readonly Point[], options?: CallOptions): Promise<Float64Array[]>;
}

/** Answers to examples whose right answer is known, as they come. */
export interface Outcomes {
  /** Number of examples. */
  readonly count: number;
}

/** What the score of a task is made of. */
export type TaskReport = ClassificationReport | AnswerReport;

/** An example of a task, checked. */
export interface Example {
  /** Texts by field. */
  readonly fields: Readonly<Record<string, string>>;
  /** Place that it comes from, `file:line`. */
  readonly source: string;
}

/** An example as a data file has it: a field a key, the answer among them. */
export type ExampleFields = Readonly<Record<string, unknown>>;

/** Options of scoring and answering. */
export interface ScoreOptions extends CallOptions {
  /** Number of sequences a call of the model. Default 32. */
  batchSize?: number;
  /** Called after each batch: `done` of `total` examples. */
  onProgress?: (done: number, total: number) => void;
  /** Called by `score` and `examine` for each example, in order. */
  onExample?: (scored: ScoredExample) => void;
}

/** What a model made of an example. */
export interface ScoredExample {
  /** Number of the answer, from 0; the answer itself where there are none to choose from. */
  answer: number | string;
  /** The answer as metrics compare it with `reference`: a number of a class, a text, a number, or the numbers of labels. */
  prediction: unknown;
  /** What is right, as metrics take it; of several right options the one that was chosen, if it is among them. */
  reference: unknown;
  /** Whether it is a right one. */
  isRight: boolean;
  /** Loss; of classes and texts the cross-entropy, in nats. */
  loss: number;
}

/** Loss and metrics of a model on examples. */
export interface Score extends Measures {
  /** Mean loss; of classes and texts the cross-entropy, in nats. */
  loss: number;
  /** Number of examples. */
  count: number;
}

/** Score of a model on examples, and what it is made of. */
export interface Examination {
  /** Loss and metrics. */
  score: Score;
  /** Classes, confusion, calibration and the worst examples; of other answers than classes, the worst examples. */
  report: TaskReport;
}

/** Options of answering. */
export interface AnswerOptions<O extends Outcomes = Outcomes> extends ScoreOptions {
  /** Takes the answers to examples whose right answer is known. */
  outcomes?: O;
}

/** What a model sees of an example, and what it is to answer. */
export interface Preview {
  /** Token ids, the special tokens among them. */
  ids: ArrayLike<number>;
  /** Number of tokens of the text that were cut, so that it fits. */
  cut: number;
  /** Name of the right answer. */
  answer: string;
}

/** Choice of the training examples that a run takes. */
export interface Sampling {
  /** Number of examples of each class; of all together, where there are no classes. Default: all. */
  shots?: number;
  /** Share of the answers that are drawn anew, from 0 to 1. */
  labelNoise: number;
  /** Seed of the choice. */
  seed: number;
}

/** Default number of sequences a call of the model. */
export const evaluationBatchSize = 32;

/**
 * What every task does: it turns rows into examples and those into batches, and a model's scores into metrics and
 * answers.
 */
export interface Task<E extends Example = Example> {
  /** Names of the fields that are read, each a string. */
  readonly fields: readonly string[];
  /** Name of the field that holds the answer. */
  readonly labelField: string;
  /** Number of tokens that a sequence may have, the answer's too where it is part of one. Undefined: no limit. */
  readonly maxLength: number | undefined;
  /** Metrics that it is judged by; the first decides which weights are best. */
  readonly metrics: readonly Metric[];
  /** Names of the answers there are to choose from, by number; none where they are no classes. */
  readonly names: readonly string[];
  /** Checks rows of a data file; `unlabelled` (default false) takes rows without an answer, or with one that is not the task's. */
  examples(rows: readonly Row[], options?: { unlabelled?: boolean }): E[];
  /** Checks one row, as {@link examples} does several. */
  example(row: Row, options?: { unlabelled?: boolean }): E;
  /** Checks that some row has each field that is read, the answer among them unless `unlabelled`. */
  checkColumns(rows: readonly Row[], options?: { unlabelled?: boolean }): void;
  /** Finds a field that a row lacks, its answer too unless `unlabelled`; undefined where it has all. */
  lacking(row: Row, options?: { unlabelled?: boolean }): string | undefined;
  /** Finds the answer that a row has where it is none of the task's. */
  unknownLabel(row: Row): string | undefined;
  /** Counts the examples of each class, in the order of the classes. */
  balance(examples: readonly E[]): { name: string; count: number }[];
  /** Holds a share of the examples out, of each answer alike. */
  holdOut(examples: readonly E[], options: { share: number; seed: number }): { rest: E[]; heldOut: E[] };
  /** Chooses those that a run trains on. */
  sample(examples: readonly E[], sampling: Sampling): E[];
  /**
   * Shows examples with their answers before each prompt from now on, with `separator` behind each.
   *
   * @throws ERR_ZEST_UNSUPPORTED for a task that asks otherwise than by a prompt which an answer follows
   */
  demonstrate(examples: readonly E[], separator: string): void;
  /** Shows what the model sees of an example. */
  preview(example: E): Preview;
  /** Makes a batch of some examples. */
  batch(examples: readonly (E | ExampleFields)[]): Batch;
  /** Scores a model on examples, evaluated in order. */
  score(model: Scorer & Writer, examples: readonly (E | ExampleFields)[], options?: ScoreOptions): Promise<Score>;
  /** Scores a model on examples, and says what the score is made of. */
  examine(
    model: Scorer & Writer,
    examples: readonly (E | ExampleFields)[],
    options?: ScoreOptions,
  ): Promise<Examination>;
  /** Begins to collect answers to examples, for {@link examination}. */
  outcomes(): Outcomes;
  /** Makes the score and the report of answers. */
  examination(outcomes: Outcomes): Examination;
  /** Answers examples, or plain objects with their fields, as `predict` gives it: an object of JSON each. */
  answers(
    model: Scorer & Writer,
    examples: readonly (E | ExampleFields)[],
    options?: AnswerOptions,
  ): Promise<Record<string, unknown>[]>;
}

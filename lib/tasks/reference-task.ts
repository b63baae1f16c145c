import { drawRows } from '../data/sampling.ts';
import { rangeError, ZestError } from '../errors.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { Answers } from './answer-report.ts';
import type { AskedSequence } from './asked.ts';
import { BaseTask } from './base-task.ts';
import { holdOutOptions, samplingOptions } from './call-options.ts';
import { assertMade, isMade } from './checked.ts';
import { ReferencedExample } from './example.ts';
import { assertMeasured, definitionOf, type Metric, measure } from './metrics.ts';
import { noDemonstrations } from './preface.ts';
import type { Examination, Example, Preview, Sampling, ScoredExample, Task } from './task.ts';

/** An answer and what is right, as metrics take them. */
export type Compared = Pick<ScoredExample, 'prediction' | 'reference'>;

/**
 * A task whose answers are compared with references: texts, numbers, labels of which there may be several, one of the
 * example's own options. What it is of is said by R, the right answer of an example, and A, what a model answers.
 */
export abstract class ReferenceTask<R, A>
  extends BaseTask<ReferencedExample<R>, R, A, Answers<R, A>>
  implements Task<ReferencedExample<R>>
{
  /** Number of tokens that a sequence may have; longer texts are cut. Undefined: no limit. */
  abstract readonly maxLength: number | undefined;

  /** Makes the sequence that asks an example, and trains its right answer. */
  protected abstract asked(example: ReferencedExample<R>): AskedSequence;
  /** Whether the right answer of an example, where it is known, is one of this task's. */
  protected abstract fits(example: ReferencedExample<unknown>): boolean;
  /** Writes a right answer, or an answer, as a person reads it. */
  protected abstract shownReference(reference: R, example: ReferencedExample<R>): string;
  protected abstract shownAnswer(answer: A, example: ReferencedExample<R>): string;
  /** Shows what the model sees of an example. */
  abstract preview(example: ReferencedExample<R>): Preview;
  /** Whether an answer is a right one. */
  protected abstract isRight(answer: A, reference: R): boolean;

  protected made(texts: Record<string, string>, reference: R | undefined, place: string): ReferencedExample<R> {
    return new ReferencedExample(texts, reference, place);
  }

  protected takes(example: Example): boolean {
    return isMade(example, ReferencedExample) && this.fits(example);
  }

  protected isKnown({ reference }: ReferencedExample<R>): boolean {
    return reference !== undefined;
  }

  protected trained(example: ReferencedExample<R>): AskedSequence {
    return this.asked(example);
  }

  /** Counts nothing: there are no classes. */
  balance(_examples: readonly ReferencedExample<R>[]): { name: string; count: number }[] {
    return [];
  }

  /** Holds a share of the examples out; both parts keep the order. */
  holdOut<E extends ReferencedExample<R>>(
    examples: readonly E[],
    options: { share: number; seed: number },
  ): { rest: E[]; heldOut: E[] } {
    const { share, seed } = holdOutOptions(options);
    const chosen = new Set(
      drawRows(examples.length, { count: Math.round(share * examples.length), seed, use: 'heldOut' }),
    );
    return { rest: examples.filter((_, i) => !chosen.has(i)), heldOut: examples.filter((_, i) => chosen.has(i)) };
  }

  /** Takes all examples, or `shots` of them. */
  sample<E extends ReferencedExample<R>>(examples: readonly E[], sampling: Sampling): E[] {
    const { shots, labelNoise, seed } = samplingOptions(sampling, 'sampling');
    if (labelNoise > 0) {
      throw rangeError(
        'ERR_ZEST_OPTION',
        `labelNoise is ${labelNoise}; expected 0 for a task without classes, whose labels cannot be drawn anew`,
      );
    }
    if (shots === undefined) return [...examples];
    if (shots > examples.length) {
      throw new ZestError(
        'ERR_ZEST_SHOTS',
        `shots: ${shots} rows were asked for, of a task without classes, and there are ${examples.length}`,
      );
    }
    return drawRows(examples.length, { count: shots, seed, use: 'shots' }).map((row) => examples[row]!);
  }

  /** Shows examples with their answers before each prompt; only where there is a prompt. */
  demonstrate(_examples: readonly ReferencedExample<R>[], _separator: string): void {
    throw noDemonstrations('that has a head');
  }

  /** Begins to collect answers to examples. */
  outcomes(): Answers<R, A> {
    return new Answers<R, A>(definitionOf(this.metrics[0]!).largerIsBetter);
  }

  /** Makes the score and the report of answers. */
  examination(outcomes: Answers<R, A>): Examination {
    assertMade(outcomes, Answers, 'outcomes', 'outcomes');
    const { answers, references, loss, count, worst } = outcomes;
    const score = { ...assertMeasured(this.#measured(answers, references)), loss, count };
    return { score, report: { kind: 'answers', worst } };
  }

  /** What metrics compare. */
  protected compared(answer: A, reference: R): Compared {
    return { prediction: answer, reference };
  }

  /** Values of the metrics. */
  #measured(answers: readonly A[], references: readonly R[]): Record<Metric, number> {
    const pairs = answers.map((answer, i) => this.compared(answer, references[i]!));
    return measure(
      this.metrics,
      pairs.map(({ prediction }) => prediction),
      pairs.map(({ reference }) => reference),
    );
  }

  protected compare(answer: A, example: ReferencedExample<R>): Omit<ScoredExample, 'loss'> {
    const reference = example.reference as R;
    const isRight = this.isRight(answer, reference);
    return { answer: this.shownAnswer(answer, example), ...this.compared(answer, reference), isRight };
  }

  protected collect(outcomes: Answers<R, A>, example: ReferencedExample<R>, answer: A, loss: number): void {
    const reference = example.reference as R;
    const value = this.#measured([answer], [reference])[this.metrics[0] as Metric];
    outcomes.add({
      answer,
      reference,
      example: {
        source: example.source,
        fields: example.fields,
        label: this.shownReference(reference, example),
        answer: this.shownAnswer(answer, example),
        value,
        loss,
      },
    });
  }

  static {
    refuseMoreOptions(this);
  }
}

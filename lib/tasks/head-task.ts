import { ZestError } from '../errors.ts';
import type { Target } from '../model/batch.ts';
import { assertHas } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { type AskedSequence, batchOf } from './asked.ts';
import type { Answer } from './base-task.ts';
import type { ReferencedExample } from './example.ts';
import type { Metric } from './metrics.ts';
import { ReferenceTask } from './reference-task.ts';
import type { Preview, ScoreOptions, Scorer } from './task.ts';
import { type EncodedTexts, encodeTexts } from './texts.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What a task of a head's outputs is made of. */
interface HeadTaskParts {
  fields: readonly string[];
  labelField: string | undefined;
  metrics: readonly Metric[];
  tokenizer: Tokenizer;
  maxLength: number | undefined;
}

/** A task whose answers are made of all outputs of a head, for one text or a pair. */
export abstract class HeadTask<R, A> extends ReferenceTask<R, A> {
  /** Number of tokens that a sequence may have; longer texts are cut. Undefined: no limit. */
  readonly maxLength: number | undefined;
  readonly #tokenizer: Tokenizer;
  readonly #texts = new WeakMap<ReferencedExample<R>, EncodedTexts>();

  constructor({ fields, labelField = 'label', metrics, tokenizer, maxLength }: HeadTaskParts) {
    super({ fields, labelField, metrics });
    this.#tokenizer = tokenizer;
    this.maxLength = maxLength;
    encodeTexts(tokenizer, fields, Object.fromEntries(fields.map((field) => [field, ''])), maxLength);
  }

  /** Number of outputs that the head has. */
  protected abstract readonly outputs: number;
  /** What is asked of the head; any right answer where it is not known. */
  protected abstract target(reference: R | undefined): Target;
  /** Makes the answer of the outputs, and its loss where the right one is known. */
  protected abstract answerOf(outputs: readonly number[], reference: R | undefined): Answer<A>;

  #encoded(example: ReferencedExample<R>): EncodedTexts {
    const encoded =
      this.#texts.get(example) ?? encodeTexts(this.#tokenizer, this.fields, example.fields, this.maxLength);
    this.#texts.set(example, encoded);
    return encoded;
  }

  preview(example: ReferencedExample<R>): Preview {
    const { ids, cut } = this.#encoded(this.own(example));
    const { reference } = example;
    return { ids, cut, answer: reference === undefined ? '' : this.shownReference(reference, example) };
  }

  protected asked(example: ReferencedExample<R>): AskedSequence {
    const { cut: _, ...encoded } = this.#encoded(example);
    return { ...encoded, target: this.target(example.reference) };
  }

  protected async respond(
    model: Scorer,
    examples: readonly ReferencedExample<R>[],
    { signal }: ScoreOptions,
  ): Promise<Answer<A>[]> {
    assertHas(model, 'model', ['logits'], 'a Model');
    const rows = await model.logits(batchOf(examples.map((example) => this.asked(example))), { signal });
    const given = rows.length / examples.length;
    if (given !== this.outputs) {
      throw new ZestError('ERR_ZEST_TARGET', `the model gives ${given} outputs, and the task has ${this.outputs}`);
    }
    return examples.map(({ reference }, i) => {
      const outputs = rows.slice(i * given, (i + 1) * given).map((row) => row[0]!);
      return this.answerOf(outputs, reference);
    });
  }

  static {
    refuseMoreOptions(this, ['preview']);
  }
}

import type { ClassMeasures } from './classification-report.ts';

/** Example with what a model answered. */
export interface AnsweredExample {
  /** Place that it comes from, `file:line`. */
  source: string;
  /** Texts by field. */
  fields: Readonly<Record<string, string>>;
  /** Right answer, the first of several. */
  label: string;
  /** Answer of the model. */
  answer: string;
  /** Value of the task's first metric for this example alone, where it has one. */
  value?: number;
  /** Loss; of texts the cross-entropy, in nats. */
  loss: number;
}

/** What a score is made of where answers are no classes: texts, numbers, or several labels. */
export interface AnswerReport {
  kind: 'answers';
  /** Measures of each label, where an answer may have several. */
  classes?: ClassMeasures[];
  /** Examples that were answered worst, by the first metric, then by the loss; ten at most. */
  worst: AnsweredExample[];
}

/** One answer to an example whose right answer is known. */
export interface Answered<R, A> {
  answer: A;
  reference: R;
  example: AnsweredExample;
}

const WORST = 10;

/** Whether one is worse than another. `sign` is 1 where larger values are better, else −1. */
const isWorse = (a: AnsweredExample, b: AnsweredExample, sign: number): boolean => {
  const [first, second] = [sign * (a.value ?? 0), sign * (b.value ?? 0)];
  return first < second || (first === second && a.loss > b.loss);
};

/** Answers as they come, and the worst of them. */
export class Answers<R, A> {
  readonly answers: A[] = [];
  readonly references: R[] = [];
  readonly #sign: number;
  #loss = 0;
  #worst: AnsweredExample[] = [];

  /** @param largerIsBetter whether of the values of examples, where they have one, the larger is the better */
  constructor(largerIsBetter = true) {
    this.#sign = largerIsBetter ? 1 : -1;
  }

  /** Number of examples. */
  get count(): number {
    return this.answers.length;
  }

  /** Mean loss. */
  get loss(): number {
    return this.#loss / this.count;
  }

  /** Examples that were answered worst, the worst first. */
  get worst(): AnsweredExample[] {
    return [...this.#worst];
  }

  /** Adds one answer. */
  add({ answer, reference, example }: Answered<R, A>): void {
    this.answers.push(answer);
    this.references.push(reference);
    this.#loss += example.loss;
    const place = this.#worst.findIndex((worst) => isWorse(example, worst, this.#sign));
    if (place < 0 && this.#worst.length === WORST) return;
    this.#worst = this.#worst.toSpliced(place < 0 ? this.#worst.length : place, 0, example).slice(0, WORST);
  }
}

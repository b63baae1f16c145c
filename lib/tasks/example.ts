import { typeError } from '../errors.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { isMade } from './checked.ts';
import type { Example } from './task.ts';

/** An example, its fields and label checked. Its tokens are made when first needed, and kept. */
export class LabelledExample implements Example {
  /** Texts by field. */
  readonly fields: Readonly<Record<string, string>>;
  /** Label, from 0; 0 where it is not known. */
  readonly label: number;
  /** Place that it comes from, `file:line`. */
  readonly source: string;
  /** Whether the label is known. */
  readonly isLabelled: boolean;

  constructor(fields: Readonly<Record<string, string>>, label: number, source: string, isLabelled = true) {
    this.fields = Object.freeze({ ...fields });
    this.label = label;
    this.source = source;
    this.isLabelled = isLabelled;
    Object.freeze(this);
  }
}

/** An example, its fields and right answer checked. */
export class ReferencedExample<R> implements Example {
  /** Texts by field. */
  readonly fields: Readonly<Record<string, string>>;
  /** Right answer; undefined where it is not known. */
  readonly reference: R | undefined;
  /** Place that it comes from, `file:line`. */
  readonly source: string;

  constructor(fields: Readonly<Record<string, string>>, reference: R | undefined, source: string) {
    this.fields = Object.freeze({ ...fields });
    this.reference = reference;
    this.source = source;
    Object.freeze(this);
  }
}

/** Whether a value is an example that some task has made. */
export const isExample = (value: unknown): value is LabelledExample | ReferencedExample<unknown> =>
  isMade(value, LabelledExample) || isMade(value, ReferencedExample);

/**
 * Checks that a value is an example which some task has made, this one or another, with the fields and an answer of this
 * one.
 *
 * @param hasAnswer whether its answer, where that is known, is one of this task's
 * @throws ERR_ZEST_ARGUMENT
 */
export const assertFits = (
  example: unknown,
  name: string,
  { fields, hasAnswer }: { fields: readonly string[]; hasAnswer: () => boolean },
): void => {
  const expected = 'expected what examples() of the task gives';
  if (!isExample(example)) throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(example)}; ${expected}`);
  readArgument(name, () => {
    const missing = fields.find((field) => !Object.hasOwn(example.fields, field));
    if (missing === undefined && hasAnswer()) return;
    const fault = missing === undefined ? 'no answer of this task' : `no field ${JSON.stringify(missing)}`;
    throw typeError(
      'ERR_ZEST_ARGUMENT',
      `${name}, of ${example.source}, has ${fault}: another task has made it; ${expected}`,
    );
  });
};

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

import { z } from 'zod';
import { dataError } from '../data/rows.ts';
import type { Target } from '../model/batch.ts';
import { show } from '../text/show.ts';
import type { Answer } from './base-task.ts';
import type { ReferencedExample } from './example.ts';
import { fieldValue } from './fields.ts';
import { HeadTask } from './head-task.ts';
import type { TaskKind } from './kind.ts';
import { isNoLabel, metricList, names } from './labels.ts';
import type { Metric, MetricOf } from './metrics.ts';
import type { ExampleFields } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A number that a head gives to a text, or to a pair. */
export interface RegressionSpec {
  kind: 'regression';
  /** Name of the field of the text, or of the two fields of a pair. */
  fields: readonly string[];
  /** Name of the field that holds the number. Default `label`. */
  labelField?: string;
  /** Metrics that it is judged by; the first decides which weights are best. Default `['meanSquaredError', 'pearson']`. */
  metrics?: readonly MetricOf<'numbers'>[];
}

const DEFAULT_METRICS: readonly Metric[] = ['meanSquaredError', 'pearson'];

const shown = (value: number): string => String(Number(value.toPrecision(6)));

/** A task whose answer is a number; its loss is the squared error. */
export class RegressionTask extends HeadTask<number, number> {
  /** Spec that the task was made of. */
  readonly spec: RegressionSpec;
  protected readonly outputs = 1;

  constructor(spec: RegressionSpec, tokenizer: Tokenizer, maxLength: number | undefined) {
    const metrics = (spec.metrics as readonly Metric[] | undefined) ?? DEFAULT_METRICS;
    super({ fields: spec.fields, labelField: spec.labelField, metrics, tokenizer, maxLength });
    this.spec = spec;
  }

  protected read(fields: ExampleFields, place: string): number {
    const value = fieldValue(fields, this.labelField);
    const isText = typeof value === 'string' && value.trim() !== '';
    const number = typeof value === 'number' ? value : isText ? Number(value) : Number.NaN;
    if (Number.isFinite(Math.fround(number))) return number;
    const wanted = Number.isFinite(number) ? 'a number that float32 can hold' : 'a number';
    throw dataError(place, `field ${JSON.stringify(this.labelField)} is ${show(value)}; expected ${wanted}`);
  }

  protected fits({ reference }: ReferencedExample<unknown>): boolean {
    return reference === undefined || typeof reference === 'number';
  }

  protected override isEmpty(text: string): boolean {
    return isNoLabel(text);
  }

  protected target(reference = 0): Target {
    return { kind: 'values', values: [reference] };
  }

  protected answerOf([answer = 0]: readonly number[], reference: number | undefined): Answer<number> {
    return { answer, loss: reference === undefined ? undefined : (answer - reference) ** 2 };
  }

  protected shownReference(reference: number): string {
    return shown(reference);
  }

  protected shownAnswer(answer: number): string {
    return shown(answer);
  }

  protected told(answer: number): Record<string, unknown> {
    return { answer };
  }

  protected isRight(answer: number, reference: number): boolean {
    return answer === reference;
  }
}

export const regression: TaskKind<RegressionSpec, RegressionTask> = {
  defaultMetrics: DEFAULT_METRICS,
  schema: z.strictObject({
    kind: z.literal('regression').describe('a number, by a head with one output'),
    fields: names().min(1).max(2).describe('the field of the text, or the two of a pair'),
    labelField: z.string().min(1).optional().describe('field of the data that holds the number; default label'),
    metrics: metricList('numbers', DEFAULT_METRICS),
  }),
  make: (spec, tokenizer, maxLength) => new RegressionTask(spec, tokenizer, maxLength),
};

import { z } from 'zod';
import { ClassificationTask } from './classification.ts';
import type { TaskKind } from './kind.ts';
import { type Labels, labelKeys, names, refuseLabels } from './labels.ts';
import { DEFAULT_METRICS } from './metrics.ts';
import { encodeTexts } from './texts.ts';

/** Classification by a classification head, of one text or of a pair. */
export interface ClassSpec extends Labels {
  kind: 'class';
  /** Name of the field of the text, or of the two fields of a pair: `['premise', 'hypothesis']`, say. */
  fields: readonly string[];
  /** Number of classes, 2 or more. */
  classes: number;
}

/** Far above any task, far below what fills the memory. */
export const MOST_CLASSES = 65_536;

export const classes: TaskKind<ClassSpec, ClassificationTask<ClassSpec>> = {
  defaultMetrics: DEFAULT_METRICS,
  schema: z
    .strictObject({
      kind: z.literal('class').describe('a classification head'),
      fields: names().min(1).max(2).describe('the field of the text, or the two of a pair'),
      classes: z.int().min(2).max(MOST_CLASSES).describe('how many there are'),
      ...labelKeys,
    })
    .check(refuseLabels<ClassSpec>(({ classes }) => classes)),
  make(spec, tokenizer, maxLength) {
    return new ClassificationTask(spec, maxLength, {
      classes: spec.classes,
      fields: spec.fields,
      make(fields) {
        const encoded = encodeTexts(tokenizer, spec.fields, fields, maxLength);
        return { ...encoded, target: (label) => ({ kind: 'class', label }) };
      },
    });
  },
};

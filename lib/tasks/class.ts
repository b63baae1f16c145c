import { z } from 'zod';
import { rangeError } from '../errors.ts';
import { ClassificationTask } from './classification.ts';
import type { TaskKind } from './kind.ts';
import { type Labels, labelKeys, names, refuseLabels } from './labels.ts';
import { DEFAULT_METRICS } from './metrics.ts';
import { packed } from './prompt.ts';
import { cutLongest } from './template.ts';

/** Classification by a classification head, of one text or of a pair. */
export interface ClassSpec extends Labels {
  kind: 'class';
  /** Name of the field of the text, or of the two fields of a pair: `['premise', 'hypothesis']`, say. */
  fields: readonly string[];
  /** Number of classes, 2 or more. */
  classes: number;
}

/** Far above any task, far below what fills the memory. */
const MOST_CLASSES = 65_536;

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
    const most = maxLength ?? Number.POSITIVE_INFINITY;
    const [first, second] = spec.fields as [string, string?];
    return new ClassificationTask(spec, maxLength, {
      classes: spec.classes,
      fields: spec.fields,
      make(fields) {
        let texts = spec.fields.map((field) => tokenizer.tokenize(fields[field]!));
        const framed = () => tokenizer.frame(texts[0]!, second === undefined ? undefined : texts[1]);
        const excess = framed().ids.length - most;
        if (excess > 0) {
          const kept = cutLongest(
            texts.map((ids) => ids.length),
            excess,
          );
          if (kept === undefined) {
            throw rangeError(
              'ERR_ZEST_SEQUENCE_LENGTH',
              `the special tokens around ${[first, second].filter(Boolean).join(' and ')} alone are more than the ${most} tokens allowed`,
            );
          }
          texts = texts.map((ids, i) => ids.slice(0, kept[i]));
        }
        return { ...packed(framed()), cut: Math.max(0, excess), target: (label) => ({ kind: 'class', label }) };
      },
    });
  },
};

import { z } from 'zod';
import type { AnswerReport } from '../tasks/answer-report.ts';
import type { ClassificationReport } from '../tasks/classification-report.ts';
import type { TaskReport } from '../tasks/task.ts';
import { isObject } from '../text/json.ts';

/** The reports of a run's classification.json, by split. */
export type RunReports = Partial<Record<'validation' | 'test', TaskReport>>;

const measures = { precision: z.number(), recall: z.number(), f1: z.number() };

const classes = z.array(z.object({ name: z.string(), ...measures, count: z.number() }));
const example = {
  source: z.string(),
  fields: z.record(z.string(), z.string()),
  label: z.string(),
  answer: z.string(),
  loss: z.number(),
};

/** A record of zod's would leave a class out that is called __proto__. */
const isConfusion = (value: unknown): boolean =>
  isObject(value) &&
  Object.values(value).every((row) => isObject(row) && Object.values(row).every((times) => typeof times === 'number'));

const classification: z.ZodType<ClassificationReport> = z.object({
  classes,
  macro: z.object(measures),
  confusion: z.custom<ClassificationReport['confusion']>(isConfusion),
  calibration: z.object({
    error: z.number(),
    bins: z.array(
      z.object({
        from: z.number(),
        to: z.number(),
        count: z.number(),
        confidence: z.number(),
        accuracy: z.number(),
      }),
    ),
  }),
  worst: z.array(z.object({ ...example, probability: z.number() })),
});

const answers: z.ZodType<AnswerReport> = z.object({
  kind: z.literal('answers'),
  classes: classes.optional(),
  worst: z.array(z.object({ ...example, value: z.number().optional() })),
});

const report = z.union([answers, classification]);

/** What {@link RunReports} looks like in JSON. */
export const runReports = z.object({ validation: report.optional(), test: report.optional() });

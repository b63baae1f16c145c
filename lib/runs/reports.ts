import { z } from 'zod';
import type { ClassificationReport } from '../tasks/classification-report.ts';

/** The reports of a run's classification.json, by split. */
export type RunReports = Partial<Record<'validation' | 'test', ClassificationReport>>;

const measures = { precision: z.number(), recall: z.number(), f1: z.number() };

const report: z.ZodType<ClassificationReport> = z.object({
  classes: z.array(z.object({ name: z.string(), ...measures, count: z.number() })),
  macro: z.object(measures),
  confusion: z.record(z.string(), z.record(z.string(), z.number())),
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
  worst: z.array(
    z.object({
      source: z.string(),
      fields: z.record(z.string(), z.string()),
      label: z.string(),
      answer: z.string(),
      probability: z.number(),
      loss: z.number(),
    }),
  ),
});

/** What {@link RunReports} looks like in JSON. */
export const runReports = z.object({ validation: report.optional(), test: report.optional() });

import { z } from 'zod';
import { type ClassSpec, classes } from './class.ts';
import type { ClassificationTask } from './classification.ts';
import { type LabelWordSpec, labelWords } from './label-words.ts';

/** Every kind of task, by its `kind`; specs without one are of the first. */
export const KINDS = { labelWords, class: classes };

/** The check of a task as it is written. */
export const taskSchema = z.discriminatedUnion('kind', [labelWords.schema, classes.schema]);

/** A task as it is written. */
export type TaskSpec = LabelWordSpec | ClassSpec;

/** A task of any kind. */
export type LoadedTask = ClassificationTask<TaskSpec>;

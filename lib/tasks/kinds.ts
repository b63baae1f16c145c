import { z } from 'zod';
import { type ChoiceSpec, choice } from './choice.ts';
import { type ClassSpec, classes } from './class.ts';
import type { ClassificationTask } from './classification.ts';
import { type GenerateSpec, type GenerationTask, generation } from './generation.ts';
import { type LabelWordSpec, labelWords } from './label-words.ts';
import { type MultiLabelSpec, type MultiLabelTask, multiLabel } from './multi-label.ts';
import type { OwnOptionsTask } from './own-options.ts';
import { type RegressionSpec, type RegressionTask, regression } from './regression.ts';

/** Every kind of task, by its `kind`; specs without one are of the first. */
export const KINDS = { labelWords, class: classes, choice, generate: generation, regression, multiLabel };

/** The check of a task as it is written. */
export const taskSchema = z.discriminatedUnion('kind', [
  labelWords.schema,
  classes.schema,
  choice.schema,
  generation.schema,
  regression.schema,
  multiLabel.schema,
]);

/** A choice among options of each example's own, as it is written. */
type OwnOptionsSpec = ChoiceSpec & { options: string };

/** A classification as it is written. */
export type ClassificationSpec = LabelWordSpec | ClassSpec | (ChoiceSpec & { options: readonly string[] });

/** A task as it is written. */
export type TaskSpec = LabelWordSpec | ClassSpec | ChoiceSpec | GenerateSpec | RegressionSpec | MultiLabelSpec;

/** A classification of any kind. */
export type LoadedTask = ClassificationTask<ClassificationSpec>;

/**
 * The task that a spec or a name makes, as far as its type says; a name that is not known to be another is a
 * classification's.
 */
export type TaskOf<S extends string | TaskSpec> = S extends GenerateSpec
  ? GenerationTask
  : S extends OwnOptionsSpec
    ? OwnOptionsTask
    : S extends RegressionSpec
      ? RegressionTask
      : S extends MultiLabelSpec
        ? MultiLabelTask
        : LoadedTask;

/** A task of kind `generate`, `regression` or `multiLabel`, as the package exports its type. */
export type TextTask = GenerationTask;
export type NumberTask = RegressionTask;
export type LabelsTask = MultiLabelTask;

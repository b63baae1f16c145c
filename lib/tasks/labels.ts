import { z } from 'zod';
import { ZestError } from '../errors.ts';
import { listed, show } from '../text/show.ts';
import { type AnswerKind, DEFAULT_METRICS, definitionOf, type Metric, type MetricOf, metricNames } from './metrics.ts';

/** Labels of a classification task. */
export interface Labels {
  /** Names of the labels, index = label. Data may then give a label by name. */
  labels?: readonly string[];
  /** Name of the field that holds the label. Default `label`. */
  labelField?: string;
  /**
   * Metrics that the task is judged by, beside the loss; the first decides which weights are best. Accuracy is always
   * measured, `f1` (of label 1) and `matthews` take a task of two labels, `macroF1` is the mean of F1 over the labels.
   * Default `['accuracy']`.
   */
  metrics?: readonly MetricOf<'classes'>[];
}

const text = () => z.string().min(1);

const isWithoutRepetition = (values: readonly string[]): boolean => new Set(values).size === values.length;
const repetition = { error: 'a list without repetitions' };

/** Strings that are not empty, each there once. */
export const names = () => z.array(text()).refine(isWithoutRepetition, repetition);

/** The metrics of a task, of those for its kind of answers. */
export const metricList = (kind: AnswerKind, defaults: readonly Metric[], words = 'beside the loss') =>
  z
    .array(
      z
        .string()
        .refine((name) => metricNames(kind).some((metric) => metric === name), {
          error: () => `one of ${metricNames(kind).join(', ')}`,
        })
        .meta({ enum: metricNames(kind) }),
    )
    .min(1)
    .refine(isWithoutRepetition, repetition)
    .optional()
    .describe(`${words}; the first decides which weights are best; default [${defaults.join(', ')}]`);

/** The keys of {@link Labels}. */
export const labelKeys = {
  labels: names().optional().describe('names of the labels, index = label; data may use them'),
  labelField: text().optional().describe('field of the data that holds the label; default label'),
  metrics: metricList('classes', DEFAULT_METRICS, 'beside accuracy and loss'),
};

/** Refuses labels and metrics that do not fit the number of classes. */
export const refuseLabels =
  <S extends Labels>(classesOf: (spec: S) => number) =>
  ({ value, issues }: z.core.ParsePayload<unknown>): void => {
    const { labels, metrics = [] } = value as S;
    const classes = classesOf(value as S);
    const refuse = (key: string, message: string, input: unknown) =>
      issues.push({ code: 'custom', path: [key], message, input });
    if (labels && labels.length !== classes) refuse('labels', `${classes} names, one a label`, labels);
    const ofTwo = metrics.find((metric) => definitionOf(metric as Metric)?.ofTwoLabels);
    if (ofTwo !== undefined && classes !== 2) {
      refuse('metrics', `metrics of ${classes} labels, and ${ofTwo} is of two`, metrics);
    }
  };

/** Writes a whole number as spreadsheets and data frames do among others, 1.0, without the fraction; leaves other texts. */
export const integerText = (text: string): string => text.replace(/^(-?\d+)\.0+$/, '$1');

/** Whether a cell stands for no label: an empty one, or SNLI's dash where its annotators did not agree. */
export const isNoLabel = (text: string): boolean => text === '' || text === '-';

/** A label as JSON has it, where that has it. */
const quoted = (value: unknown): string => {
  if (typeof value === 'number') return String(value);
  try {
    return JSON.stringify(value) ?? show(value);
  } catch {
    return show(value);
  }
};

/** The number that a text is, with a fraction or without; undefined: it is none. */
const numberOf = (text: string): number | undefined =>
  text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;

/** What labels may be called, and the label that a text is, from 0; undefined: none. */
export interface LabelNames {
  keys: readonly string[];
  find(text: string): number | undefined;
}

/**
 * Finds labels by index or by name: as it is spelt, or else without white space around it. Names that are numbers
 * themselves (stars, say) are compared as numbers, and leave no room for labels by index; label words that are leave none
 * for names.
 */
export const labelNames = (names: readonly string[], { areWords = false } = {}): LabelNames => {
  const numbers = names.map((_, i) => `${i}`);
  const areNumbers = names.some((name) => numberOf(name.trim()) !== undefined);
  const keys = !areNumbers ? [...numbers, ...names] : areWords ? numbers : names;
  const spellings: ((text: string) => string | number | undefined)[] = [
    (text) => text,
    (text) => text.trim(),
    (text) => (areNumbers && !areWords ? numberOf(text.trim()) : integerText(text.trim())),
  ];
  const known = spellings.map((spell) => {
    const labels = new Map<string | number | undefined, number>();
    for (const [i, key] of keys.entries()) if (!labels.has(spell(key))) labels.set(spell(key), i % names.length);
    labels.delete(undefined);
    return labels;
  });
  return {
    keys,
    find(text) {
      for (const [i, spell] of spellings.entries()) {
        const label = known[i]!.get(spell(text));
        if (label !== undefined) return label;
      }
      return undefined;
    },
  };
};

/** Reads labels by index or, of those that have one, by name. */
export const labelReader = (spec: Labels, names: readonly string[]) => {
  const known = labelNames(names, { areWords: spec.labels === undefined });
  return {
    /** Whether a text stands for no label, and is the name of none. */
    isEmpty: (text: string): boolean => isNoLabel(text) && known.find(text) === undefined,
    /** Reads a label; `place` is `file:line`, for the error. */
    read(value: unknown, place: string): number {
      const isText = ['string', 'number', 'boolean'].includes(typeof value);
      const label = isText ? known.find(String(value)) : undefined;
      if (label !== undefined) return label;
      throw new ZestError(
        'ERR_ZEST_LABEL',
        `${place}: label ${quoted(value)} is none of ${listed(known.keys)}${spec.labels ? '' : '; task.labels names those of the data, in order'}`,
      );
    },
  };
};

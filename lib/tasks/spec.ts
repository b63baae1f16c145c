import { rangeError, typeError } from '../errors.ts';
import { isObject } from '../json.ts';
import { BUILT_IN_TASKS } from './built-in.ts';
import { METRICS, type Metric } from './metrics.ts';

/** What every classification task says of its labels. */
interface Labels {
  /** Names of the labels, index = label. Data may then give a label by name. */
  labels?: readonly string[];
  /** Field that holds the label. Default `label`. */
  labelField?: string;
  /**
   * What the task is judged by, beside the loss; the first decides which weights are best. Accuracy is always measured,
   * `f1` (of label 1) and `matthews` take a task of two labels. Default `['accuracy']`.
   */
  metrics?: readonly Metric[];
}

/** Classification by a masked language model: the label word whose logit at `{mask}` is largest. */
export interface LabelWordSpec extends Labels {
  kind?: 'labelWords';
  /** For instance `"{sentence} It was {mask}."` or `"{premise}? {mask}, {segment}{hypothesis}"`; docs/tasks.md has the rules. */
  template: string;
  /** One word a label, index = label, each one token of the model. */
  labelWords: readonly string[];
}

/** Classification by a classification head, of one text or of a pair. */
export interface ClassSpec extends Labels {
  kind: 'class';
  /** The field of the text, or the two fields of a pair. */
  fields: readonly string[];
  /** How many classes there are. */
  classes: number;
}

/** A text classification task. */
export type TaskSpec = LabelWordSpec | ClassSpec;

/** Far above any task, far below what fills the memory. */
const MOST_CLASSES = 65_536;

const KEYS = {
  labelWords: ['kind', 'template', 'labelWords', 'labels', 'labelField', 'metrics'],
  class: ['kind', 'fields', 'classes', 'labels', 'labelField', 'metrics'],
};

const strings = (key: string, value: unknown): readonly string[] => {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string' && item !== '')) {
    throw typeError('ERR_ZEST_OPTION', `task.${key} must be a list of strings that are not empty`);
  }
  const repeated = value.find((item, i) => value.indexOf(item) !== i);
  if (repeated !== undefined && key !== 'labelWords') {
    throw rangeError('ERR_ZEST_OPTION', `task.${key} has ${JSON.stringify(repeated)} twice`);
  }
  return value;
};

const checkLabels = (spec: Labels, classes: number): void => {
  if (spec.labels !== undefined && strings('labels', spec.labels).length !== classes) {
    throw rangeError('ERR_ZEST_OPTION', `task.labels has ${spec.labels.length} names for ${classes} labels`);
  }
  if (spec.labelField !== undefined && (typeof spec.labelField !== 'string' || spec.labelField === '')) {
    throw typeError('ERR_ZEST_OPTION', 'task.labelField must be the name of a field');
  }
  if (spec.metrics === undefined) return;
  const metrics = strings('metrics', spec.metrics);
  const strange = metrics.find((metric) => !(METRICS as readonly string[]).includes(metric));
  if (metrics.length === 0 || strange !== undefined) {
    throw rangeError('ERR_ZEST_OPTION', `task.metrics must be some of ${METRICS.join(', ')}, not ${strange ?? 'none'}`);
  }
  const ofTwo = metrics.find((metric) => metric !== 'accuracy');
  if (ofTwo !== undefined && classes !== 2) {
    throw rangeError('ERR_ZEST_OPTION', `task.metrics: ${ofTwo} is of two labels, and the task has ${classes}`);
  }
};

/**
 * The spec of a task by name, or a spec, checked as far as that goes without a tokenizer.
 *
 * @throws ERR_ZEST_OPTION naming the key and what was expected; for an unknown name, the names there are
 */
export const taskSpec = (nameOrSpec: string | TaskSpec): TaskSpec => {
  const spec: unknown = typeof nameOrSpec === 'string' ? BUILT_IN_TASKS.get(nameOrSpec) : nameOrSpec;
  if (spec === undefined && typeof nameOrSpec === 'string') {
    const names = [...BUILT_IN_TASKS.keys()].join(', ');
    throw rangeError(
      'ERR_ZEST_OPTION',
      `task ${JSON.stringify(nameOrSpec)} is not built in; there are ${names}. Others are given as {template, labelWords}`,
    );
  }
  if (!isObject(spec)) {
    throw typeError(
      'ERR_ZEST_OPTION',
      'task must be the name of a built-in task or an object such as {template, labelWords}',
    );
  }
  const { kind = 'labelWords' } = spec as { kind?: unknown };
  if (kind !== 'labelWords' && kind !== 'class') {
    throw rangeError('ERR_ZEST_OPTION', `task.kind must be labelWords or class, not ${JSON.stringify(kind)}`);
  }
  const unknown = Object.keys(spec).find((key) => !KEYS[kind].includes(key));
  if (unknown !== undefined) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `task.${unknown} is not a key of a task of kind ${kind}: ${KEYS[kind].join(', ')}`,
    );
  }
  if (kind === 'labelWords') {
    const checked = spec as unknown as LabelWordSpec;
    if (typeof checked.template !== 'string') throw typeError('ERR_ZEST_OPTION', 'task.template must be a string');
    const count = strings('labelWords', checked.labelWords).length;
    if (count < 2) throw rangeError('ERR_ZEST_OPTION', `task.labelWords must have at least two words, not ${count}`);
    checkLabels(checked, count);
    return checked;
  }
  const checked = spec as unknown as ClassSpec;
  const count = strings('fields', checked.fields).length;
  if (count < 1 || count > 2) {
    throw rangeError('ERR_ZEST_OPTION', `task.fields must name one field or two, not ${count}`);
  }
  if (!Number.isSafeInteger(checked.classes) || checked.classes < 2 || checked.classes > MOST_CLASSES) {
    throw rangeError(
      'ERR_ZEST_OPTION',
      `task.classes must be an integer from 2 to ${MOST_CLASSES}, not ${JSON.stringify(checked.classes)}`,
    );
  }
  checkLabels(checked, checked.classes);
  return checked;
};

import { z } from 'zod';
import { cutToFit } from './choice-prompt.ts';
import { ClassificationTask } from './classification.ts';
import type { Derive, TaskKind } from './kind.ts';
import { type Labels, labelKeys, names, refuseLabels } from './labels.ts';
import { DEFAULT_METRICS } from './metrics.ts';
import { OwnOptionsTask } from './own-options.ts';
import { type PrefaceReader, prefaceReader } from './preface.ts';
import type { Task } from './task.ts';
import { parseText } from './template.ts';

/** Choice by a causal model: the option that is likeliest to follow the prompt. */
export interface ChoiceSpec extends Labels {
  kind: 'choice';
  /** Text with fields that the answer follows: `"{premise}\nIs this true: {hypothesis} Yes or No?\n"`, say. */
  prompt: string;
  /**
   * The options: a text each, index = label, which may have fields of the data in braces; or the name of a field that
   * holds a list of them, each example's own.
   */
  options: readonly string[] | string;
  /** Whether an option's log-likelihood is divided by its number of tokens. Default `tokens`. */
  normalize?: 'tokens' | 'none';
  /**
   * What is trained: `options`, the cross-entropy of the right option under the log-likelihoods of all, or `answer`, that
   * of the right option's tokens alone. Default `options`.
   */
  loss?: 'options' | 'answer';
  /** Whether the prompt is what a user says in the model's chat template. Default false. */
  chat?: boolean;
}

/** A choice whose options are the same for all examples, or have the same names. */
const choiceAmong = (
  spec: ChoiceSpec & { options: readonly string[] },
  reader: PrefaceReader,
  { maxLength, derive }: { maxLength: number | undefined; derive?: Derive },
): ClassificationTask<ChoiceSpec> => {
  const templates = spec.options.map(parseText);
  const ofOptions = templates.flatMap(({ fields }) => fields);
  const textOf = (label: number, fields: Readonly<Record<string, string>>): string =>
    templates[label]!.parts.map((part) => (typeof part === 'string' ? part : fields[part.field]!)).join('');
  return new ClassificationTask(spec, maxLength, {
    classes: spec.options.length,
    words: ofOptions.length === 0 ? spec.options : undefined,
    fields: [...new Set([...reader.fields, ...ofOptions])],
    derive,
    make(fields) {
      const options = templates.map((_, label) => reader.answer(textOf(label, fields)));
      return cutToFit(spec, reader, { fields, options, maxLength });
    },
    demonstrate(examples, separator) {
      const shown = examples.map(({ fields, label }) => ({ fields, answer: textOf(label, fields) }));
      reader.demonstrate(shown, separator);
    },
  });
};

const choicesSchema = z.union(
  [
    names().min(2).describe('a text each, index = label; may have {field} for a field of the data'),
    z.string().min(1).describe('the field of the data that holds a list of them'),
  ],
  { error: 'two texts or more, or the field of a list of them' },
);

export const choice: TaskKind<ChoiceSpec, Task> = {
  defaultMetrics: DEFAULT_METRICS,
  schema: z
    .strictObject({
      kind: z.literal('choice').describe('the option that is likeliest to follow a prompt, for a causal model'),
      prompt: z.string().min(1).describe('text with {field} for a field of the data; the answer follows it'),
      options: choicesSchema.describe('what there is to choose from'),
      normalize: z
        .enum(['tokens', 'none'])
        .optional()
        .describe('whether the log-likelihood of an option is divided by its number of tokens; default tokens'),
      loss: z
        .enum(['options', 'answer'])
        .optional()
        .describe(
          'what is trained: the cross-entropy of the right option among all, or of its tokens alone; default options',
        ),
      chat: z
        .boolean()
        .optional()
        .describe("whether the prompt is a user's message in the model's chat template; default false"),
      ...labelKeys,
    })
    .check(({ value, issues }) => {
      const { options, metrics = [], labels } = value as unknown as ChoiceSpec;
      if (typeof options !== 'string') {
        refuseLabels<ChoiceSpec>(() => options.length)({ value, issues });
        return;
      }
      const refuse = (key: string, message: string, input: unknown) =>
        issues.push({ code: 'custom', path: [key], message, input });
      if (labels) refuse('labels', 'none, since each example has options of its own', labels);
      if (metrics.some((metric) => metric !== 'accuracy')) {
        refuse('metrics', 'accuracy alone, since each example has options of its own', metrics);
      }
    }),
  async make(spec, tokenizer, maxLength, derive) {
    const reader = await prefaceReader(spec, tokenizer);
    const { options } = spec;
    return typeof options === 'string'
      ? new OwnOptionsTask({ ...spec, options }, reader, { maxLength, derive })
      : choiceAmong({ ...spec, options }, reader, { maxLength, derive });
  },
};

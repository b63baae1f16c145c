import { type core, z } from 'zod';
import { type MethodConfig, type MethodSettings, optimizerSchemas, whyNotOfModels } from '../methods/registry.ts';
import { adapter, device, dtype, head, trainable, weights } from '../model/option-schema.ts';
import { objective } from '../objectives/options.ts';
import { count } from '../options/count.ts';
import { expectation } from '../options/messages.ts';
import { type TaskSpec, taskSchema } from '../tasks/kinds.ts';

// A union's `error` is what was expected, in words; the other messages are made from the issue (options/messages.ts).

const text = () => z.string().min(1);
const seed = () => z.int().min(0);

const task = z.union([text(), taskSchema], {
  error: 'the name of a built-in task or {template, labelWords}',
});

const source = () =>
  z.union([text(), z.array(text()).min(1)], { error: 'a file, a folder, a glob or a split, or a list of them' });

const sourceOrShare = () =>
  z.union([text(), z.array(text()).min(1), z.number().gt(0).lt(1)], {
    error: 'a file, or a share of data.train between 0 and 1',
  });

const fieldValue = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: 'a text, a number, true or false',
});
const fieldValues = z.union([fieldValue, z.array(fieldValue).min(1)], { error: 'a value, or a list of them' });
const condition = z.union(
  [
    fieldValues,
    z.strictObject({ not: fieldValues }),
    z.strictObject({ min: z.number().optional(), max: z.number().optional() }),
  ],
  { error: 'a value, a list of values, {not: …} or {min, max}' },
);

const data = z.strictObject({
  hub: text()
    .optional()
    .describe(
      'data set on Hugging Face’s hub, ORG/NAME: a word as train, validation or test is then one of its splits',
    ),
  subset: text().optional().describe('subset of the hub’s data set, such as sst2 of nyu-mll/glue; default: its own'),
  revision: text().optional().describe('branch, tag or commit of the hub’s data set; default main'),
  train: source().describe(
    'training data: a file (.jsonl, .json, .csv, .tsv or .parquet, also .gz and .zst), a folder, a glob, - for stdin, hf://datasets/…, a split of data.hub, or a list of them',
  ),
  validation: sourceOrShare()
    .optional()
    .describe(
      'data to choose by, or the share of each class of data.train that is held out for it, drawn by data.seed; without it nothing is evaluated during the run',
    ),
  test: sourceOrShare()
    .optional()
    .describe(
      'data that the weights kept are scored on at the end, or the share of data.train that is held out for it',
    ),
  columns: z
    .union([z.array(z.string()).min(1), z.record(text(), text())], {
      error: 'a list of names, or the column of each field',
    })
    .optional()
    .describe(
      'the column of each field that the task reads, {sentence: review}; or a list, the names of the columns of .csv and .tsv without a header line',
    ),
  labels: z
    .record(z.string(), z.union([z.string(), z.number(), z.null()], { error: 'a label of the task, or null' }))
    .optional()
    .describe('label of the task for each label of the data, {positive: 1, negative: 0}; null leaves such rows out'),
  filter: z
    .record(text(), condition)
    .optional()
    .describe(
      'what a row has to be, by field: a value, a list of values, {not: …}, or {min, max} for numbers; default: all rows',
    ),
  sample: count()
    .optional()
    .describe(
      'training examples that are kept at most, drawn by data.seed while the files are read, which may be larger than memory; default: all',
    ),
  shots: count()
    .optional()
    .describe(
      'training examples a class, or of all together where there are no classes, drawn by data.seed; omitted: all',
    ),
  demonstrations: count()
    .optional()
    .describe(
      'examples of data.train, drawn by data.seed, that stand with their answers before every prompt of a causal model; they are not trained on; omitted: none',
    ),
  separator: text().optional().describe('what stands behind each demonstration; default two line ends'),
  labelNoise: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('share of the training labels that are drawn at random; some draws hit the old label'),
  group: text().optional().describe('field that holds the group of a training example, for objective.groupTilt'),
  seed: seed().default(42).describe('seed of sampling and label noise'),
});

const training = z.strictObject({
  steps: count().default(1000).describe('updates of the run'),
  batchSize: count().default(64).describe('examples of a step'),
  maxLength: count()
    .default(128)
    .describe(
      'tokens of a sequence, never more than the model takes; a longer text is cut in its longest field, and keeps its mask',
    ),
  startToken: text()
    .optional()
    .describe(
      'token that begins each sequence, in place of those that the tokenizer puts there; MeZO begins OPT’s with <s>',
    ),
  evaluateEvery: count()
    .default(100)
    .describe('steps between evaluations on data.validation; the first is before the first step'),
  checkpointEvery: count().default(500).describe('steps between checkpoints'),
  keepCheckpoints: z
    .int()
    .min(0)
    .default(0)
    .describe('how many of the newest checkpoints are kept as checkpoints/step-N, beside last and best'),
  keepBest: z
    .boolean()
    .default(true)
    .describe(
      'keep and test the weights that are best in validation by the task’s first metric, the lower loss of equals',
    ),
  patience: count()
    .nullable()
    .default(null)
    .describe('stop after so many evaluations in a row that were not better; null: never'),
  seed: seed().default(1).describe('seed of the directions and of the order of the examples'),
  onNonFinite: z
    .enum(['stop', 'skip'])
    .default('stop')
    .describe('what becomes of a step with a loss that is NaN or infinite: the run fails, or goes on without the step'),
  sync: z
    .enum(['step', 'seconds', 'os'])
    .default('seconds')
    .describe(
      'when the log is flushed to the disk itself: with each step, at most once a second, or when the operating system likes; it bounds what a loss of power can take, and a killed process loses nothing',
    ),
  weights,
  tensorboard: z.boolean().default(false).describe("write TensorBoard's event files beside metrics.jsonl"),
});

const keys = {
  model: text().describe(
    'a Hugging Face folder, a GGUF file, film-roberta-mini, which is built in, or the name of a model on the hub, ORG/NAME or ORG/NAME@REVISION',
  ),
  device,
  dtype,
  head,
  adapter,
  trainable,
  task: task.describe('what is learnt: the name of a built-in task, or one of your own'),
  objective: objective.describe('what is learnt in the place of the loss of the task, or made of it (objectives.md)'),
  data: data.describe('files of examples'),
};
const lastKeys = {
  training: training.prefault({}).describe('how long, and in what portions'),
  output: text().describe('folder of the run'),
};

type Keys = z.ZodObject<typeof keys & typeof lastKeys>;

/** A configuration as written: keys with defaults may be absent. */
export type Config = Omit<z.input<Keys>, 'task'> & { task: string | TaskSpec; optimizer?: MethodConfig };
/** A configuration with every default filled in. */
export type ResolvedConfig = Omit<z.output<Keys>, 'task'> & { task: string | TaskSpec; optimizer: MethodSettings };

/** What a method was expected to be, and why one of the package is not among them. */
const expectedMethod = (issue: core.$ZodRawIssue): string => {
  const why = whyNotOfModels((issue.input as { method?: unknown } | undefined)?.method);
  return `${expectation(issue)}${why === undefined ? '' : ` (${why})`}`;
};

/**
 * The configuration of a run: the check of the file, its defaults and its JSON Schema in one. Made anew at each call,
 * since methods may have been registered.
 */
export const configSchema = () =>
  z.strictObject({
    ...keys,
    optimizer: z
      .discriminatedUnion('method', optimizerSchemas(), { error: expectedMethod })
      .prefault({ method: 'auto' })
      .describe('the method and its options; auto, which measures its learning rate, if nothing is said'),
    ...lastKeys,
  });

/** The JSON Schema (draft 2020-12) of a configuration file, for editors. */
export const configJsonSchema = (): object => z.toJSONSchema(configSchema(), { io: 'input' });

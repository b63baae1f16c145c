import { z } from 'zod';
import { count } from '../methods/options.ts';
import { type MethodConfig, type MethodSettings, optimizerSchemas } from '../methods/registry.ts';
import { adapter, device, dtype, head, trainable, weights } from '../model/option-schema.ts';
import { type TaskSpec, taskSchema } from '../tasks/kinds.ts';

// A union's `error` is what was expected, in words; the other messages are made from the issue (options/messages.ts).

const text = () => z.string().min(1);
const seed = () => z.int().min(0);

const task = z.union([text(), taskSchema], {
  error: 'the name of a built-in task or {template, labelWords}',
});

const data = z.strictObject({
  train: text().describe('.jsonl, .csv or .tsv, the latter two with a header line'),
  validation: z
    .union([text(), z.number().gt(0).lt(1)], { error: 'a file, or a share of data.train between 0 and 1' })
    .optional()
    .describe(
      'file to choose by, or the share of each class of data.train that is held out for it, drawn by data.seed; without it nothing is evaluated during the run',
    ),
  test: text().optional().describe('file that the weights kept are scored on at the end'),
  columns: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('names of the columns, for .csv and .tsv without a header line; default: the first line has them'),
  shots: count().optional().describe('training examples a class, drawn by data.seed; omitted: all'),
  labelNoise: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('share of the training labels that are drawn at random; some draws hit the old label'),
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
  model: text().describe('a Hugging Face folder, or film-roberta-mini, which is built in'),
  device,
  dtype,
  head,
  adapter,
  trainable,
  task: task.describe('what is learnt: the name of a built-in task, or one of your own'),
  data: data.describe('files of examples'),
};
const lastKeys = {
  training: training.prefault({}).describe('how long, and in what portions'),
  output: text().describe('folder of the run'),
};

type Keys = z.ZodObject<typeof keys & typeof lastKeys>;

/** A configuration as written: keys with defaults may be absent. */
export type Config = Omit<z.input<Keys>, 'task'> & { task: string | TaskSpec; optimizer: MethodConfig };
/** A configuration with every default filled in. */
export type ResolvedConfig = Omit<z.output<Keys>, 'task'> & { task: string | TaskSpec; optimizer: MethodSettings };

/**
 * The configuration of a run: the check of the file, its defaults and its JSON Schema in one. Made anew at each call,
 * since methods may have been registered.
 */
export const configSchema = () =>
  z.strictObject({
    ...keys,
    optimizer: z.discriminatedUnion('method', optimizerSchemas()).describe('the method and its options'),
    ...lastKeys,
  });

/** The JSON Schema (draft 2020-12) of a configuration file, for editors. */
export const configJsonSchema = (): object => z.toJSONSchema(configSchema(), { io: 'input' });

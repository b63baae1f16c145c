import { z } from 'zod';
import { law, seed } from '../methods/options.ts';
import { NAMES } from '../native/names.ts';
import { isPositiveFloat32 } from '../numbers/float32.ts';
import type { Directions, Point } from '../objective.ts';
import { callbackOf, signal } from '../options/calls.ts';
import { coded } from '../options/check.ts';
import { count } from '../options/count.ts';
import type { Batch } from './batch.ts';

// What may be asked of a model, in a configuration and in Model.load alike. A union's `error` says in words what was
// expected.

const MOST_CLASSES = 2 ** 20;
/** What `threads` may be, at most. */
export const MOST_THREADS = 1024;

const globs = () => z.array(z.string().min(1)).min(1).describe('globs over checkpoint names');

const lora = z
  .strictObject({
    rank: count().describe('rank of what is added to a weight'),
    alpha: z.number().positive().describe('the product is scaled by alpha / rank'),
    targets: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe(
        'linear layers: globs over their names, or over what stands after a dot in them; omitted: queries and values',
      ),
    seed: z.int().min(0).default(0).describe('seed of the initial A'),
  })
  .refine(({ alpha, rank }) => !(rank >= 1 && alpha > 0) || isPositiveFloat32(alpha / rank), {
    path: ['alpha'],
    error: 'a number > 0 whose quotient by the rank float32 can hold',
  })
  .describe('LoRA: an adapter that is added to linear layers');

const prefix = z
  .strictObject({
    tokens: count().describe('keys and values before those of every sequence, in every layer'),
    seed: z.int().min(0).default(0).describe('seed of the initial values'),
  })
  .describe('a prefix: trained keys and values before every text');

export const device = z
  .union([z.enum(['auto', 'cpu', 'cuda']), z.templateLiteral(['cuda:', z.int().min(0)])], {
    error: 'auto, cpu, cuda or cuda:N',
  })
  .default('auto')
  .describe('where the model is computed: auto takes a card that can be used, else the CPU');

export const dtype = z.enum(NAMES.storage).default('float32').describe('type of the stored weights');

export const head = z
  .union(
    [
      z.literal('languageModel'),
      z.strictObject({
        classes: z.int().min(1).max(MOST_CLASSES).describe('classes of a new head, or the numbers that it gives'),
        seed: z.int().min(0).default(0).describe('seed of its initial weights'),
        problemType: z
          .enum(['single_label_classification', 'multi_label_classification', 'regression'])
          .optional()
          .describe('what they are, as transformers calls it; omitted: what the task asks for'),
      }),
    ],
    { error: 'languageModel or {classes, seed}' },
  )
  .optional()
  .describe(
    'a new classification head, in place of any that the checkpoint has, or the language model one; omitted: what the checkpoint has',
  );

export const trainable = coded(
  z
    .union(
      [
        z.enum(['all', 'bias', 'head', 'none']),
        z.strictObject({ include: globs(), exclude: globs().optional() }),
        z.strictObject({ exclude: globs() }),
        z.strictObject({ lora }),
        z.strictObject({ prefix }),
      ],
      { error: 'all, bias, head, none, {include, exclude}, {lora: {rank, alpha}} or {prefix: {tokens}}' },
    )
    .default('all')
    .describe('what is trained: all, biases, the head, none, tensors by their names, or an adapter (train.md)'),
  'ERR_ZEST_TRAINABLE',
);

export const adapter = z
  .string()
  .min(1)
  .optional()
  .describe("a folder with PEFT's files of LoRA, put on the model; `trainable: all` then trains it alone");

export const weights = z
  .enum(['merged', 'adapter', 'both'])
  .default('merged')
  .describe(
    "what is saved of LoRA: the weights that it is merged into, PEFT's files alone, or both, the latter in a folder `adapter`",
  );

/** The options of Model.save. */
export const saveSchema = z.strictObject({ weights, metadata: z.record(z.string(), z.string()).default({}) });

const shortcut = () => z.boolean().default(true);

/** The options of Model.load. */
export const loadSchema = z.strictObject({
  device,
  dtype,
  threads: coded(count().max(MOST_THREADS).optional(), 'ERR_ZEST_THREADS'),
  directions: coded(z.strictObject({ seed: seed.optional(), law: law.optional() }).default({}), 'ERR_ZEST_DIRECTIONS'),
  head,
  labels: z.array(z.string().min(1)).min(1).optional(),
  adapter,
  trainable,
  dequantize: z.boolean().default(false),
  shortcuts: z
    .strictObject({
      packSequences: shortcut(),
      labelledPositionsOnly: shortcut(),
      scoredWordsOnly: shortcut(),
      lastLayerAtLabels: shortcut(),
      gatherEmbeddings: shortcut(),
      shareNoise: shortcut(),
      fusePerturbation: shortcut(),
      sharePrompts: shortcut(),
    })
    .prefault({}),
  onProgress: callbackOf<(done: number, total: number) => void>(),
  signal,
});

/** The options of Model.embed. */
export const embedSchema = z.strictObject({
  pooling: z.enum(['first', 'last', 'mean']).optional(),
  segments: z.custom<Batch['segments']>().optional(),
  at: z.custom<Point>().default([]),
  directions: z.custom<Directions>().optional(),
  signal,
});

/** The options of Model.generate and Model.stream. */
export const generateSchema = z.strictObject({
  maxTokens: count(),
  stop: z.array(z.array(z.int().min(0)).min(1)).optional(),
  temperature: z.number().min(0).default(0),
  topK: count()
    .max(2 ** 31 - 1)
    .optional(),
  topP: z.number().positive().max(1).default(1),
  seed: seed.default(0),
  at: z.custom<Point>().default([]),
  directions: z.custom<Directions>().optional(),
  signal,
});

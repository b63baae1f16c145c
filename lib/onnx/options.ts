import { z } from 'zod';
import type { CallOptions, Directions } from '../objective.ts';
import { callback, given } from '../options/calls.ts';
import { coded } from '../options/check.ts';
import type { Feeds } from './feeds.ts';
import type { OnnxRuntime, OnnxTensor } from './runtime.ts';

/** Low-rank adaptation of a graph: a layer computes x·W + (alpha / rank)·(x·Aᵀ)·B, and A and B are trained. */
export interface OnnxLora {
  /** Rows of A and of B, at most the rows and columns of a layer's matrix; 8, say. */
  rank: number;
  /** Numerator of the product's scale alpha / rank, a number > 0. Default: the rank. */
  alpha?: number;
  /**
   * Globs over the names of linear layers, or over their ends after a dot: `query`, `layer.0.*.value`. Default: every
   * layer that multiplies by a constant matrix of as many rows and columns as the rank.
   */
  targets?: string[];
  /** Seed that A is drawn from, a whole number ≥ 0; B begins at zero. Default 0. */
  seed?: number;
}

/**
 * What of a graph is trained:
 * - `all`: every weight of a float type
 * - globs over the names of weights, `*` any characters, `?` one: those that match one of them; of a glob with `*` or `?`
 *   those of a float type
 * - `{ lora }`: low-rank factors that are added to linear layers; the rest is frozen, and may be quantised
 * - `{ include, exclude, lora }`: weights that match `include` and not `exclude`, and factors
 */
export type OnnxTrainable =
  | 'all'
  | string
  | readonly string[]
  | { include?: readonly string[]; exclude?: readonly string[]; lora?: OnnxLora };

/** Options of {@link onnxObjective}. */
export interface OnnxOptions<B> {
  /** What is trained: weights by their names, or LoRA. */
  trainable: OnnxTrainable;
  /** Makes the model's inputs of a batch, once for all points of a call. */
  inputs(batch: B): Feeds | PromiseLike<Feeds>;
  /**
   * Computes the loss of a batch from the model's outputs, by name: a number, or the loss of each example, whose mean is
   * the loss.
   */
  loss(
    outputs: Readonly<Record<string, OnnxTensor>>,
    batch: B,
    call: CallOptions,
  ): number | ArrayLike<number> | PromiseLike<number | ArrayLike<number>>;
  /** What v(stream) is in calls that do not say otherwise. Default: seed 0, law `gaussian`. */
  directions?: Partial<Directions>;
  /**
   * Number of points that are computed in one run, the batch once for each: faster where a batch has few tokens. LoRA
   * alone allows it, and the first dimension of all inputs and outputs has to be the batch. Default 1.
   */
  pointsAtOnce?: number;
  /** Options of onnxruntime's session, as `InferenceSession.create` takes them: execution providers, threads. */
  session?: object;
  /** The module of onnxruntime that runs the model. Default: onnxruntime-node. */
  runtime?: OnnxRuntime;
}

const globs = z.array(z.string().min(1)).min(1);

const trainable = coded(
  z.union(
    [
      z.string().min(1),
      globs,
      z
        .strictObject({
          include: globs.optional(),
          exclude: globs.optional(),
          lora: z
            .strictObject({
              rank: z.int().min(1),
              alpha: z.number().positive().max(1e30).optional(),
              targets: globs.optional(),
              seed: z.int().min(0).optional(),
            })
            .optional(),
        })
        .refine((value) => Object.keys(value).length > 0, { error: 'include, exclude or lora' }),
    ],
    { error: "'all', globs over the names of weights, {include, exclude} or {lora: {rank}}" },
  ),
  'ERR_ZEST_TRAINABLE',
);

const required = coded(callback.unwrap(), 'ERR_ZEST_ARGUMENT');

/** Describes the options of {@link onnxObjective}. */
export const onnxSchema = z.strictObject({
  trainable,
  inputs: required,
  loss: required,
  directions: given,
  pointsAtOnce: z.int().min(1).max(1024).optional(),
  session: z.looseObject({}).optional(),
  runtime: z
    .custom<OnnxRuntime>((value) => {
      const { InferenceSession, Tensor } = (value ?? {}) as Partial<OnnxRuntime>;
      return typeof InferenceSession?.create === 'function' && typeof Tensor === 'function';
    }, 'the module onnxruntime-node, or another of onnxruntime')
    .optional(),
});

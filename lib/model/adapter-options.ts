/** Low-rank adaptation: a linear layer computes W·x + bias + (alpha / rank)·B·(A·x), and A and B are trained. */
export interface LoraOptions {
  /** Rows of A and columns of B, at most the rows and columns of W. */
  rank: number;
  /** Numerator of the product's scale, a number > 0. */
  alpha: number;
  /**
   * Globs over the names of linear layers, or over their ends after a dot: `query`, `layer.0.*.value`, `*.dense`.
   * Default the queries and values, as in the paper and in PEFT: for BERT `query` and `value`.
   */
  targets?: string[];
  /** Of the initial A. Default 0. */
  seed?: number;
}

/** Prefix tuning: keys and values before those of every sequence, in every layer, are trained. */
export interface PrefixOptions {
  /** Keys and values a layer, at most the model's positions. */
  tokens: number;
  /** Of the initial values. Default 0. */
  seed?: number;
}

/** With the seed, which has a default. */
export type CheckedLora = LoraOptions & { seed: number };
export type CheckedPrefix = PrefixOptions & { seed: number };

/** The adapter that a checked `trainable` asks for, if it asks for one. */
export const adapterOptions = (trainable: unknown): { lora?: CheckedLora; prefix?: CheckedPrefix } =>
  typeof trainable === 'object' ? (trainable as { lora?: CheckedLora; prefix?: CheckedPrefix }) : {};

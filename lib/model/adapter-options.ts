/** Low-rank adaptation: a linear layer computes W·x + bias + (alpha / rank)·B·(A·x), and A and B are trained. */
export interface LoraOptions {
  /** Rows of A and columns of B, at most the rows and columns of W; 8, say. */
  rank: number;
  /** Numerator of the product's scale alpha / rank, a number > 0; 16, say. */
  alpha: number;
  /**
   * Globs over the names of linear layers, or over their ends after a dot: `query`, `layer.0.*.value`, `*.dense`.
   * Default: the queries and values, as in the paper and in PEFT; for BERT `['query', 'value']`.
   */
  targets?: string[];
  /** Seed that A is drawn from, a whole number ≥ 0; B begins at zero. Default 0. */
  seed?: number;
}

/** Prefix tuning: keys and values before those of every sequence, in every layer, are trained. */
export interface PrefixOptions {
  /** Number of trained keys, and of values, in each layer, at most the model's positions; 5, say. */
  tokens: number;
  /** Seed that the initial keys and values are drawn from, a whole number ≥ 0. Default 0. */
  seed?: number;
}

/** Options of an adapter with every default filled in. */
export type CheckedLora = LoraOptions & { seed: number };
export type CheckedPrefix = PrefixOptions & { seed: number };

/** The adapter that a checked `trainable` asks for, if it asks for one. */
export const adapterOptions = (trainable: unknown): { lora?: CheckedLora; prefix?: CheckedPrefix } =>
  typeof trainable === 'object' ? (trainable as { lora?: CheckedLora; prefix?: CheckedPrefix }) : {};

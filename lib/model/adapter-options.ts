import { rangeError, typeError } from '../errors.ts';
import { show } from '../show.ts';

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

const object = (value: unknown, key: string, known: readonly string[]): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw typeError('ERR_ZEST_TRAINABLE', `${key} is ${show(value)}; expected { ${known.join(', ')} }`);
  }
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return value as Record<string, unknown>;
  throw typeError('ERR_ZEST_TRAINABLE', `${key} has the unknown key '${unknown}'; expected ${known.join(', ')}`);
};

const count = (value: unknown, key: string, least: number): number => {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw rangeError('ERR_ZEST_TRAINABLE', `${key} is ${show(value)}; expected a whole number ≥ ${least}`);
};

/** With all defaults but those that depend on the family. */
export type CheckedLora = Required<Omit<LoraOptions, 'targets'>> & Pick<LoraOptions, 'targets'>;

const lora = (value: unknown): CheckedLora => {
  const key = 'trainable.lora';
  const given = object(value, key, ['rank', 'alpha', 'targets', 'seed']);
  const { alpha, targets, seed = 0 } = given;
  const rank = count(given.rank, `${key}.rank`, 1);
  const scale = typeof alpha === 'number' ? Math.fround(alpha / rank) : Number.NaN;
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw rangeError(
      'ERR_ZEST_TRAINABLE',
      `${key}.alpha is ${show(alpha)}; expected a number > 0 whose quotient by the rank float32 can hold`,
    );
  }
  const isGlobs = Array.isArray(targets) && targets.length > 0 && targets.every((glob) => typeof glob === 'string');
  if (targets !== undefined && !isGlobs) {
    const message = `${key}.targets is ${show(targets)}; expected an array of one or more globs`;
    throw typeError('ERR_ZEST_TRAINABLE', message);
  }
  return {
    rank,
    alpha: alpha as number,
    targets: targets as string[] | undefined,
    seed: count(seed, `${key}.seed`, 0),
  };
};

const prefix = (value: unknown): Required<PrefixOptions> => {
  const key = 'trainable.prefix';
  const { tokens, seed = 0 } = object(value, key, ['tokens', 'seed']);
  return { tokens: count(tokens, `${key}.tokens`, 1), seed: count(seed, `${key}.seed`, 0) };
};

/** The adapter that `trainable` asks for, checked and with defaults, if it asks for one. Throws ERR_ZEST_TRAINABLE. */
export const adapterOptions = (trainable: unknown): { lora?: CheckedLora; prefix?: Required<PrefixOptions> } => {
  if (typeof trainable !== 'object' || trainable === null) return {};
  if (Object.hasOwn(trainable, 'lora')) return { lora: lora(object(trainable, 'trainable', ['lora']).lora) };
  if (Object.hasOwn(trainable, 'prefix')) return { prefix: prefix(object(trainable, 'trainable', ['prefix']).prefix) };
  return {};
};

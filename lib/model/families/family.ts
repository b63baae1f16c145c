import type { NameOf } from '../../native/names.ts';

/** A key of config.json, and transformers' default where it may be left out. */
export type ConfigKey<T> = readonly [key: string, absent?: T];

/** What is the same for a whole family, or what a key of config.json says. */
export type Setting<T extends number | boolean> = T | ConfigKey<T>;

/** What is read from the last hidden states: by a language model, each token's word, or the next one if it is causal. */
export type HeadKind = 'languageModel' | 'classifier';

/**
 * A linear layer: the name of its module, which has a bias; or with what is unusual about it.
 * - `bias`: whether it has one
 * - `transposed`: its weight is inputs × outputs
 * - `fused`: one module makes queries, keys and values, in `blocks` one after the other, or so for each of the `heads`
 */
export type LinearName =
  | string
  | { name: string; bias?: Setting<boolean>; transposed?: boolean; fused?: 'blocks' | 'heads' };

/** A family of checkpoints: how transformers names its tensors and its configuration, and what it computes. */
export interface Family {
  /** Before the names of {@link Family.heads}. */
  architecture: string;
  /** What the classes of the family are called, and the head that each has. The first of a kind is the one that is saved. */
  heads: Readonly<Record<string, HeadKind | 'none'>>;
  /** Before the names of the tensors of the layers and embeddings; checkpoints of a bare model leave it out. */
  prefix: string;
  config: {
    hidden: ConfigKey<number>;
    layers: ConfigKey<number>;
    heads: ConfigKey<number>;
    /** Heads of keys and values; null, or no such key: as many as of queries. */
    keyValueHeads?: ConfigKey<number | null>;
    /** Columns of a head; null, or no such key: hidden ÷ heads. */
    headWidth?: ConfigKey<number | null>;
    /** null: four times hidden. */
    intermediate: ConfigKey<number | null>;
    vocabulary: ConfigKey<number>;
    positions: ConfigKey<number>;
    /** Left out: the family has no segments. */
    segments?: ConfigKey<number>;
    /** Columns of the word embeddings; null, or no such key: hidden. */
    embedding?: ConfigKey<number | null>;
    normEpsilon: Setting<number>;
    activation: ConfigKey<string>;
    tied: ConfigKey<boolean>;
    /** Other names of keys, which count where both are there: transformers' attribute_map. */
    aliases?: Readonly<Record<string, string>>;
    /** Keys that may have this value only. */
    only: Readonly<Record<string, boolean | string | null>>;
  };
  norm: NameOf<'norm'>;
  /** Whether norms come before attention and MLP. Left out: after them. */
  normFirst?: Setting<boolean>;
  /** Whether attention and MLP read the same hidden states. */
  parallel?: Setting<boolean>;
  causal?: boolean;
  /** Number of tokens back that one attends to; null: all. */
  window?: ConfigKey<number | null>;
  /** Rotary positions, of this share of a head's columns; a number: always. Left out: positions have embeddings. */
  rotary?: { share: Setting<number>; base: ConfigKey<number> };
  /**
   * transformers' default of pad_token_id; null: none. Sequences of an encoder may not have that id, and the classifier
   * of a causal model passes over it at the end.
   */
  paddingId: number | null;
  /** Row of the first position in its table: a number, or one after the padding id. */
  firstPosition: number | 'afterPadding';
  /** Tensors of the embeddings, after the prefix. */
  embeddings: { words: string; positions?: string; segments?: string; norm?: string; projection?: LinearName };
  /** Layer N is `layers`.N, and its parts come after that. */
  layers: string;
  layer: {
    query: LinearName;
    key: LinearName;
    value: LinearName;
    attentionOutput: LinearName;
    gate?: LinearName;
    intermediate: LinearName;
    output: LinearName;
    attentionNorm: string;
    outputNorm: string;
    /** Norms of each head's queries and keys. */
    queryNorm?: string;
    keyNorm?: string;
  };
  /** Of the last hidden states, after the prefix. */
  finalNorm?: string;
  /** Before the head, from hidden to the columns of the embeddings; after the prefix. */
  outputProjection?: LinearName;
  languageModel: {
    dense?: string;
    /** After `dense`; `configured`: as in the layers. */
    activation?: NameOf<'activation'> | 'configured';
    norm?: string;
    /** The output's bias, if it has one. */
    bias?: string;
    /** The output's own weight, where it is not tied, and another name of the bias. */
    decoder: string;
    /** What transformers' class calls the decoder, where checkpoints have another name. */
    decoderModule?: string;
  };
  /** One token → dense, activation, if there is one → output. */
  classifier: {
    /** The token: first of the sequence, or last that is no padding. */
    token: 'first' | 'last';
    dense?: string;
    activation?: NameOf<'activation'>;
    output: LinearName;
  };
  /** Ends of names as older checkpoints have them. */
  formerEnds?: Readonly<Record<string, string>>;
}

/** The module's name and what is unusual about a linear layer. */
export const linearOf = (linear: LinearName): Exclude<LinearName, string> =>
  typeof linear === 'string' ? { name: linear } : linear;

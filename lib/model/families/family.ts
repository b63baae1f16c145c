import type { NativeLayer } from '../../native/binding.ts';
import type { NameOf } from '../../native/names.ts';

/** A key of config.json, and transformers' default where it may be left out. */
export type ConfigKey<T> = readonly [key: string, absent?: T];

/** What is read from the last hidden states. */
export type HeadKind = 'languageModel' | 'classifier';

/** A family of checkpoints: how transformers names its tensors and its configuration. */
export interface Family {
  /** Before the names of {@link HEADS}. */
  architecture: string;
  /** Before the names of the encoder's tensors; checkpoints of a bare encoder leave it out. */
  prefix: string;
  config: {
    hidden: ConfigKey<number>;
    layers: ConfigKey<number>;
    heads: ConfigKey<number>;
    intermediate: ConfigKey<number>;
    vocabulary: ConfigKey<number>;
    positions: ConfigKey<number>;
    /** Left out: the family has no segments. */
    segments?: ConfigKey<number>;
    /** A number where no key says it. */
    normEpsilon: ConfigKey<number> | number;
    activation: ConfigKey<string>;
    /** Keys that may have this value only. */
    only: Readonly<Record<string, boolean | string>>;
  };
  /** transformers' default of pad_token_id. */
  paddingId: number;
  /** Positions begin one after the padding id, not at 0. */
  positionsFollowPadding: boolean;
  /** Tensors of the encoder, after the prefix; `segments` where `config.segments` says so. */
  embeddings: { words: string; positions: string; segments?: string; norm: string };
  /** Layer N is `layers`.N, and its parts come after that. */
  layers: string;
  layer: Readonly<Record<Exclude<keyof NativeLayer, 'prefix'>, string>>;
  languageModel: {
    dense: string;
    /** After `dense`; `configured`: as in the layers. */
    activation: NameOf<'activation'> | 'configured';
    norm: string;
    /** The output's bias. */
    bias: string;
    /** The output's own weight, where it is not tied, and another name of the bias. */
    decoder: string;
  };
  /** First token → dense → activation → output. */
  classifier: { dense: string; activation: NameOf<'activation'>; output: string };
  /** Ends of names as older checkpoints have them. */
  formerEnds: Readonly<Record<string, string>>;
}

/** What the classes of a family are called, and the head that each has. The first of a kind is the one that is saved. */
export const HEADS: Readonly<Record<string, HeadKind | 'none'>> = {
  ForMaskedLM: 'languageModel',
  ForPreTraining: 'languageModel',
  ForSequenceClassification: 'classifier',
  Model: 'none',
};

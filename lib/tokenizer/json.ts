/** A token of tokenizer.json's `added_tokens`. */
export interface AddedToken {
  id: number;
  content: string;
  /** Is found only where no character of a word is beside it. */
  single_word?: boolean;
  /** Takes the white space on its left, or right, into itself. */
  lstrip?: boolean;
  rstrip?: boolean;
  /** Is looked for in the normalized text. Default: where it is not special. */
  normalized?: boolean;
  special?: boolean;
}

/** A text to look for, or a regular expression of Oniguruma. */
export interface PatternJson {
  String?: string;
  Regex?: string;
}

/** A step of normalization, as tokenizer.json has it. */
export interface NormalizerJson {
  type: string;
  normalizers?: NormalizerJson[];
  lowercase?: boolean;
  strip_accents?: boolean | null;
  clean_text?: boolean;
  handle_chinese_chars?: boolean;
  precompiled_charsmap?: string | null;
  pattern?: PatternJson;
  content?: string;
  prepend?: string;
  strip_left?: boolean;
  strip_right?: boolean;
}

/** What becomes of the matches of a pattern that a text is split at. */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

/** A step of splitting, as tokenizer.json has it. */
export interface PreTokenizerJson {
  type: string;
  pretokenizers?: PreTokenizerJson[];
  pattern?: PatternJson;
  behavior?: SplitBehavior;
  invert?: boolean;
  delimiter?: string;
  individual_digits?: boolean;
  add_prefix_space?: boolean;
  use_regex?: boolean;
  replacement?: string;
  prepend_scheme?: 'always' | 'first' | 'never';
  split?: boolean;
  length?: number;
}

/** What is read of tokenizer.json. */
export interface TokenizerJson {
  added_tokens: AddedToken[];
  normalizer?: NormalizerJson | null;
  pre_tokenizer?: PreTokenizerJson | null;
  post_processor?: object | null;
  decoder?: object | null;
  model: {
    type?: string;
    byte_fallback?: boolean;
    fuse_unk?: boolean;
    unk_token?: string | null;
    vocab: Record<string, number> | [piece: string, score: number][];
  };
}

/** The ids of the model's own tokens. */
export const vocabularyOf = ({ model: { vocab } }: TokenizerJson): Map<string, number> =>
  new Map(Array.isArray(vocab) ? vocab.map(([piece], id) => [piece, id]) : Object.entries(vocab));

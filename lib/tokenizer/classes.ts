import type { NormalizerJson, PreTokenizerJson, TokenizerJson } from './json.ts';

/** Roles that a special token may have, by transformers' names of them. */
export const ROLES = ['unk', 'mask', 'pad', 'bos', 'eos', 'cls', 'sep'] as const;

/** What stands for each role; null: nothing. */
export type SpecialTokens = Partial<Record<(typeof ROLES)[number], string | null>>;

/** tokenizer_config.json, and what other files add to it. */
export type TokenizerConfig = Readonly<Record<string, unknown>>;

/** What transformers (5) makes of a folder's files by the class of its tokenizer. */
export interface TokenizerClass {
  /** The model of tokenizer.json that it has; a file with another one is taken as it is. */
  model: 'WordPiece' | 'BPE' | 'Unigram';
  special: SpecialTokens;
  /** Whether the second text of a pair gets a segment of its own. */
  segments: boolean;
  /** Whether the mask takes the space on its left, where no file says so. */
  maskTakesSpace?: boolean;
  /** Steps that it sets itself, whatever tokenizer.json says. */
  pipeline?: (json: TokenizerJson, config: TokenizerConfig) => Partial<TokenizerJson>;
  /** What is put around texts, where tokenizer.json does not say it. */
  frame?: { first: string; second: string };
}

const flag = (value: unknown, absent: boolean): boolean => (typeof value === 'boolean' ? value : absent);

const bert: TokenizerClass = {
  model: 'WordPiece',
  special: { unk: '[UNK]', sep: '[SEP]', pad: '[PAD]', cls: '[CLS]', mask: '[MASK]' },
  segments: true,
  pipeline: (_, config) => ({
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: flag(config.tokenize_chinese_chars, true),
      strip_accents: typeof config.strip_accents === 'boolean' ? config.strip_accents : null,
      lowercase: flag(config.do_lower_case, true),
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
  }),
  frame: { first: 'cls A sep', second: 'B sep' },
};

const byteLevel = (_: TokenizerJson, config: TokenizerConfig) => ({
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: flag(config.add_prefix_space, false) } as PreTokenizerJson,
});

const fairseq: SpecialTokens = {
  ...{ bos: '<s>', eos: '</s>', sep: '</s>', cls: '<s>' },
  ...{ unk: '<unk>', pad: '<pad>', mask: '<mask>' },
};
const fairseqFrame = { first: 'bos A eos', second: 'eos B eos' };

const roberta: TokenizerClass = {
  model: 'BPE',
  special: fairseq,
  segments: false,
  pipeline: byteLevel,
  frame: fairseqFrame,
};

/** The map of characters, wherever it stands among the steps. */
const precompiled = (json: NormalizerJson | null | undefined): NormalizerJson | undefined =>
  json?.type === 'Precompiled' ? json : json?.normalizers?.map(precompiled).find((step) => step !== undefined);

const sentencePiece: TokenizerClass = {
  model: 'Unigram',
  special: fairseq,
  segments: false,
  pipeline: ({ normalizer }, config) => ({
    normalizer: precompiled(normalizer) ?? null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'WhitespaceSplit' },
        { type: 'Metaspace', prepend_scheme: flag(config.add_prefix_space, true) ? 'always' : 'never' },
      ],
    },
  }),
};

/** Byte-level files that name this class are taken as they are; there are many. */
const llama = (json: TokenizerJson, config: TokenizerConfig): Partial<TokenizerJson> => {
  if (JSON.stringify([json.pre_tokenizer, json.decoder]).includes('"ByteLevel"')) return {};
  const prepends = flag(config.legacy, false) ? 'always' : 'first';
  const scheme = flag(config.add_prefix_space, true) ? prepends : 'never';
  return {
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', prepend_scheme: scheme, split: false },
    model: { ...json.model, byte_fallback: true, fuse_unk: true, unk_token: null },
  };
};

const END_OF_TEXT = '<|endoftext|>';

/** By the name of the class, without `Fast`. */
const CLASSES: Readonly<Record<string, TokenizerClass>> = {
  BertTokenizer: bert,
  DistilBertTokenizer: bert,
  ElectraTokenizer: bert,
  RobertaTokenizer: roberta,
  XLMRobertaTokenizer: sentencePiece,
  CamembertTokenizer: { ...sentencePiece, maskTakesSpace: true },
  GPT2Tokenizer: {
    model: 'BPE',
    special: { unk: END_OF_TEXT, bos: END_OF_TEXT, eos: END_OF_TEXT },
    segments: false,
    pipeline: byteLevel,
  },
  GPTNeoXTokenizer: {
    model: 'BPE',
    special: { unk: END_OF_TEXT, bos: END_OF_TEXT, eos: END_OF_TEXT, pad: '<|padding|>' },
    segments: false,
    pipeline: (json, config) => ({ ...byteLevel(json, config), normalizer: { type: 'NFC' } }),
  },
  LlamaTokenizer: {
    model: 'BPE',
    special: { unk: '<unk>', bos: '<s>', eos: '</s>' },
    segments: false,
    pipeline: llama,
  },
  Qwen2Tokenizer: {
    model: 'BPE',
    special: { unk: END_OF_TEXT, eos: END_OF_TEXT, pad: END_OF_TEXT },
    segments: false,
  },
};

/** The class that transformers takes for a model of this type where no file names one. */
const CLASS_OF_MODEL: Readonly<Record<string, string>> = {
  bert: 'BertTokenizer',
  distilbert: 'DistilBertTokenizer',
  roberta: 'RobertaTokenizer',
  'xlm-roberta': 'XLMRobertaTokenizer',
  camembert: 'CamembertTokenizer',
  gpt2: 'GPT2Tokenizer',
  llama: 'LlamaTokenizer',
  qwen2: 'Qwen2Tokenizer',
  qwen3: 'Qwen2Tokenizer',
  electra: 'BertTokenizer',
  opt: 'GPT2Tokenizer',
  gpt_neox: 'GPTNeoXTokenizer',
};

const own = <T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined =>
  typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;

/** The class of a folder's tokenizer, and whether any was named; undefined: its own files have all the say. */
export const tokenizerClass = (
  config: TokenizerConfig,
  modelConfig: TokenizerConfig,
): { known: TokenizerClass | undefined; isNamed: boolean } => {
  const name = config.tokenizer_class ?? modelConfig.tokenizer_class ?? own(CLASS_OF_MODEL, modelConfig.model_type);
  return {
    known: own(CLASSES, typeof name === 'string' ? name.replace(/Fast$/, '') : undefined),
    isNamed: name !== undefined,
  };
};

/** What special tokens with a role are called. */
export const ROLE_TOKENS: ReadonlySet<unknown> = new Set(
  Object.values(CLASSES).flatMap(({ special }) => Object.values(special)),
);

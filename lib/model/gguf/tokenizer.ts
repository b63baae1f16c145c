import { ZestError } from '../../errors.ts';
import { show } from '../../text/show.ts';
import type { Gguf } from './format.ts';

type Json = Record<string, unknown>;

/** Kinds of tokens, tokenizer.ggml.token_type. */
const KIND = { control: 3, userDefined: 4 } as const;

const byteLevel = (use_regex: boolean): Json => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
});
const split = (Regex: string): Json => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const sequence = (...pretokenizers: Json[]): Json => ({ type: 'Sequence', pretokenizers });

const words = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const llama3 = sequence(split(words(String.raw`\p{N}{1,3}`)), byteLevel(false));
const qwen2 = sequence(split(words(String.raw`\p{N}`)), byteLevel(false));
const smollm = sequence({ type: 'Digits', individual_digits: true }, byteLevel(true));

/** How texts are cut before their pieces are merged, by tokenizer.ggml.pre. */
const PRE_TOKENIZERS: Readonly<Record<string, { cut: Json; normalizer?: Json }>> = {
  'gpt-2': { cut: byteLevel(true) },
  default: { cut: byteLevel(true) },
  smollm: { cut: smollm },
  'llama-bpe': { cut: llama3 },
  llama3: { cut: llama3 },
  qwen2: { cut: qwen2, normalizer: { type: 'NFC' } },
};

/**
 * The merges of a SentencePiece vocabulary, as transformers makes them: every way to put a piece together of two others,
 * those of the best pieces first.
 */
const mergesOf = (tokens: readonly string[], scores: readonly number[]): [string, string][] => {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const lengths = [...new Set(tokens.map(({ length }) => length))];
  const isLength = new Set(lengths);
  const merges: { left: string; right: string; score: number }[] = [];
  for (const [id, token] of tokens.entries()) {
    const own: { left: string; right: string; score: number }[] = [];
    // Where both ends may be tokens: a token as long as the file is not cut everywhere.
    for (const cut of lengths) {
      if (cut === 0 || cut >= token.length || !isLength.has(token.length - cut)) continue;
      const [left, right] = [token.slice(0, cut), token.slice(cut)];
      if (ids.has(left) && ids.has(right)) own.push({ left, right, score: scores[id]! });
    }
    const rank = (piece: string) => ids.get(piece) as number;
    merges.push(...own.sort((a, b) => rank(a.left) - rank(b.left) || rank(a.right) - rank(b.right)));
  }
  const length = (text: string) => [...text].length;
  return merges
    .sort((a, b) => b.score - a.score || length(b.left) - length(a.left) || length(b.right) - length(a.right))
    .map(({ left, right }) => [left, right]);
};

/** The tokenizer of a GGUF file as a folder of transformers would have it. */
export interface GgufTokenizer {
  /** tokenizer.json */
  json: Json;
  /** tokenizer_config.json */
  config: Json;
}

/**
 * Describes the tokenizer of a GGUF file: byte-level BPE, or a SentencePiece vocabulary.
 *
 * @throws ERR_ZEST_TOKENIZER for a vocabulary that is missing, or of a kind that is not known
 */
export const ggufTokenizer = ({ file, metadata }: Gguf): GgufTokenizer => {
  const bad = (what: string) => new ZestError('ERR_ZEST_TOKENIZER', `${file}: ${what}`);
  const value = (key: string) => metadata.get(`tokenizer.ggml.${key}`);
  const list = <T>(key: string, type: 'string' | 'number', count?: number): T[] => {
    const given = value(key);
    if (!Array.isArray(given) || given.some((each) => typeof each !== type)) {
      throw bad(`tokenizer.ggml.${key} is ${show(given)}; expected a list of ${type}s`);
    }
    if (count !== undefined && given.length !== count) {
      throw bad(`tokenizer.ggml.${key} has ${given.length} values; expected one a token, ${count}`);
    }
    return given as T[];
  };
  const tokens = list<string>('tokens', 'string');
  const kinds = list<number>('token_type', 'number', tokens.length);
  const added = tokens.flatMap((content, id) => {
    const special = kinds[id] === KIND.control;
    if (!special && kinds[id] !== KIND.userDefined) return [];
    return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
  });
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const nameOf = (key: string): string | undefined => {
    const id = value(`${key}_token_id`);
    return typeof id === 'number' ? tokens[id] : undefined;
  };
  const begin = nameOf('bos');
  const adds = (key: string, absent: boolean) => (typeof value(key) === 'boolean' ? value(key) === true : absent);
  const template = metadata.get('tokenizer.chat_template');
  const config: Json = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    bos_token: begin,
    eos_token: nameOf('eos'),
    unk_token: nameOf('unknown'),
    pad_token: nameOf('padding'),
    ...(typeof template === 'string' && { chat_template: template }),
  };
  const framed = (addsBegin: boolean): Json | null => {
    if (!addsBegin || begin === undefined) return null;
    const special = { SpecialToken: { id: begin, type_id: 0 } };
    return {
      type: 'TemplateProcessing',
      single: [special, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [special, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
      special_tokens: { [begin]: { id: begin, ids: [tokens.indexOf(begin)], tokens: [begin] } },
    };
  };
  const json = { version: '1.0', truncation: null, padding: null, added_tokens: added };

  const model = value('model');
  if (model === 'gpt2') {
    const pre = value('pre') ?? 'default';
    const known = typeof pre === 'string' && Object.hasOwn(PRE_TOKENIZERS, pre) ? PRE_TOKENIZERS[pre] : undefined;
    if (!known) {
      throw bad(`tokenizer.ggml.pre is ${show(pre)}; this version takes ${Object.keys(PRE_TOKENIZERS).join(', ')}`);
    }
    const merges = list<string>('merges', 'string').map((merge) => merge.split(' '));
    return {
      config,
      json: {
        ...json,
        normalizer: known.normalizer ?? null,
        pre_tokenizer: known.cut,
        post_processor: framed(adds('add_bos_token', false)),
        decoder: byteLevel(true),
        model: { type: 'BPE', unk_token: null, fuse_unk: false, byte_fallback: false, vocab, merges },
      },
    };
  }
  if (model === 'llama') {
    const prefix = adds('add_space_prefix', true);
    const strip = prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
    const unknown = nameOf('unknown') ?? tokens[0];
    return {
      config: { ...config, unk_token: unknown },
      json: {
        ...json,
        normalizer: {
          type: 'Sequence',
          normalizers: [
            ...(prefix ? [{ type: 'Prepend', prepend: '▁' }] : []),
            { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
          ],
        },
        pre_tokenizer: null,
        post_processor: framed(adds('add_bos_token', true)),
        decoder: {
          type: 'Sequence',
          decoders: [
            { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
            { type: 'ByteFallback' },
            { type: 'Fuse' },
            ...strip,
          ],
        },
        model: {
          type: 'BPE',
          unk_token: unknown,
          fuse_unk: true,
          byte_fallback: true,
          vocab,
          merges: mergesOf(tokens, list<number>('scores', 'number', tokens.length)),
        },
      },
    };
  }
  throw bad(`tokenizer.ggml.model is ${show(model)}; this version takes gpt2 and llama`);
};

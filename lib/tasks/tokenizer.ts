import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { rangeError, typeError, ZestError } from '../errors.ts';
import { modelFolder } from '../model/built-in.ts';
import type { Family } from '../model/families/family.ts';
import { familyOf } from '../model/families/index.ts';
import { assertPath, flag, optionsOf } from '../options/calls.ts';
import { show } from '../show.ts';

/** What is used of @huggingface/tokenizers, whose own type files do not resolve under Node's module rules. */
interface Library {
  model: { vocab: string[]; tokens_to_ids: Map<string, number>; unk_token_id?: number };
  post_processor: {
    post_process(
      tokens: string[],
      pair: string[] | null,
      addSpecialTokens: boolean,
    ): { tokens: string[]; tokens_pair?: string[]; token_type_ids?: number[] };
  } | null;
  tokenize(text: string, options: { add_special_tokens: boolean }): string[];
  decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
}

interface AddedToken {
  id: number;
  content: string;
  special?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
}

interface NormalizerJson {
  type?: string;
  lowercase?: boolean;
  normalizers?: NormalizerJson[];
}

interface TokenizerJson {
  added_tokens: AddedToken[];
  normalizer?: NormalizerJson | null;
  post_processor?: { type?: string } | null;
  model?: { type?: string; vocab?: [piece: string, score: number][] };
}

/** Token ids and the segment (token type) of each. */
export interface Encoding {
  ids: number[];
  segments: number[];
}

const FIRST = '\u0000first';
const SECOND = '\u0000second';

const lowercases = (normalizer: NormalizerJson | null | undefined): boolean =>
  normalizer?.type === 'Lowercase' ||
  (normalizer?.type === 'BertNormalizer' && normalizer.lowercase !== false) ||
  (normalizer?.normalizers?.some(lowercases) ?? false);

/** No token of a vocabulary begins so. */
const NO_TEXT = '\u0000special ';

/**
 * A tokenizer.json that finds no special token in a text. Unigram (XLM-RoBERTa, CamemBERT) has them among its pieces too,
 * with the best score of all, so those are spelt otherwise there.
 */
const withoutSpecials = (json: TokenizerJson): TokenizerJson => {
  const isSpecial = (token: AddedToken) => token.special === true;
  const specials = new Set(json.added_tokens.filter(isSpecial).map(({ content }) => content));
  const plain = { ...json, added_tokens: json.added_tokens.filter((token) => !isSpecial(token)) };
  const { model } = json;
  if (model?.type !== 'Unigram' || model.vocab === undefined) return plain;
  const vocab = model.vocab.map(([piece, score]): [string, number] => [
    specials.has(piece) ? NO_TEXT + piece : piece,
    score,
  ]);
  return { ...plain, model: { ...model, vocab } };
};

const readJson = async (file: string): Promise<unknown> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new ZestError('ERR_ZEST_TOKENIZER', `${file} cannot be read; a tokenizer needs this file`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ZestError('ERR_ZEST_TOKENIZER', `${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ZestError('ERR_ZEST_TOKENIZER', `${file} is ${show(value)}; expected a JSON object`);
  }
  return value;
};

/** The family of the model in the folder, if there is a model of one. */
const familyIn = async (folder: string): Promise<Family | undefined> => {
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}');
  try {
    return familyOf(JSON.parse(text)?.model_type);
  } catch {
    return undefined; // Model.load says what is wrong with it
  }
};

const decodeOptions = optionsOf<{ skipSpecialTokens?: boolean }>({ skipSpecialTokens: flag });

/**
 * A Hugging Face tokenizer: tokenizer.json and tokenizer_config.json of a model's folder. The examples of the methods
 * go on from this one.
 *
 * @example
 * import { Tokenizer } from 'node-zest';
 * const tokenizer = await Tokenizer.load('film-roberta-mini');
 */
export class Tokenizer {
  /** Folder that it was loaded from. */
  readonly folder: string;
  /** Number of tokens, one more than the largest id that it can produce. */
  readonly vocabularySize: number;
  /** Number of tokens that its model takes, specials included, if the folder says so (`model_max_length`). */
  readonly maxLength: number | undefined;
  /** Id of the mask token, if there is one. */
  readonly maskId: number | undefined;
  /** Id of the padding token, if there is one. */
  readonly paddingId: number | undefined;
  /** Id of the unknown token, if there is one. */
  readonly unknownId: number | undefined;
  /** Id of the token that begins a text, if there is one. */
  readonly beginId: number | undefined;
  /** Id of the token that ends a text, if there is one. */
  readonly endId: number | undefined;
  /** Id of the class token, if there is one. */
  readonly classId: number | undefined;
  /** Id of the separator token, if there is one. */
  readonly separatorId: number | undefined;
  /** Whether the mask token takes the white space on its left and right into itself, as RoBERTa's does on its left. */
  readonly maskStrips: { left: boolean; right: boolean };
  /** Whether the second text of a pair has a segment of its own, as BERT's has. */
  readonly segmentsPairs: boolean;

  readonly #library: Library;
  /** The same tokenizer without its special tokens, so that no text can hold one. */
  readonly #plain: Library;
  readonly #lowercases: boolean;
  readonly #single: Encoding & { tokens: string[] };
  readonly #pair: Encoding & { tokens: string[] };

  private constructor(folder: string, json: TokenizerJson, config: Record<string, unknown>, family?: Family) {
    this.folder = folder;
    this.#library = new LibraryTokenizer(json, config) as Library;
    this.#plain = new LibraryTokenizer(withoutSpecials(json), config) as Library;
    this.#lowercases = lowercases(json.normalizer);
    this.vocabularySize = this.#library.model.vocab.length;
    const limit = config.model_max_length;
    this.maxLength = Number.isSafeInteger(limit) && (limit as number) > 0 ? (limit as number) : undefined;

    const named = (key: string): number | undefined => {
      const value = config[key] as string | { content?: string } | null | undefined;
      if (value === null || value === undefined) return undefined;
      const content = typeof value === 'string' ? value : value.content;
      const id = this.tokenId(content ?? '');
      if (id !== undefined) return id;
      throw new ZestError(
        'ERR_ZEST_TOKENIZER',
        `${join(folder, 'tokenizer_config.json')} names ${JSON.stringify(content)} as ${key}, which tokenizer.json does not have`,
      );
    };
    this.unknownId = this.#library.model.unk_token_id ?? named('unk_token');
    this.maskId = named('mask_token');
    this.paddingId = named('pad_token');
    this.beginId = named('bos_token');
    this.endId = named('eos_token');
    this.classId = named('cls_token');
    this.separatorId = named('sep_token');
    const mask = json.added_tokens.find((token) => token.id === this.maskId);
    this.maskStrips = { left: mask?.lstrip === true, right: mask?.rstrip === true };

    // The library gives the second text of a RoBERTa pair segment 1; RoBERTa has one segment only. DistilBERT has none,
    // and BERT's own tokenizer.
    const oneSegment = json.post_processor?.type === 'RobertaProcessing' || (family && !family.config.segments);
    const frame = (pair: string[] | null) => {
      const processed = this.#library.post_processor?.post_process([FIRST], pair, true) ?? {
        tokens: [FIRST],
        tokens_pair: pair ?? [],
      };
      const tokens = [...processed.tokens, ...(processed.tokens_pair ?? [])];
      const ids = tokens.map((token) => (token === FIRST || token === SECOND ? -1 : this.#id(token)));
      return { tokens, ids, segments: tokens.map((_, i) => (oneSegment ? 0 : (processed.token_type_ids?.[i] ?? 0))) };
    };
    this.#single = frame(null);
    this.#pair = frame([SECOND]);
    this.segmentsPairs = this.#pair.segments.some((segment) => segment !== 0);
  }

  /**
   * Reads `tokenizer.json` and `tokenizer_config.json` of a folder, or of a built-in model such as `film-roberta-mini`.
   *
   * @example
   * import { Tokenizer } from 'node-zest';
   * const tokenizer = await Tokenizer.load('film-roberta-mini');
   * console.log(tokenizer.vocabularySize); // 8192
   *
   * @throws ERR_ZEST_TOKENIZER naming the file that is missing or broken
   */
  static async load(name: string): Promise<Tokenizer> {
    assertPath(name, 'folder');
    const folder = modelFolder(name);
    const file = join(folder, 'tokenizer.json');
    // One after the other, so that of two faults it is always the same that is told.
    const json = await readJson(file);
    const config = await readJson(join(folder, 'tokenizer_config.json'));
    try {
      return new Tokenizer(folder, json as TokenizerJson, config as Record<string, unknown>, await familyIn(folder));
    } catch (cause) {
      if (cause instanceof ZestError) throw cause;
      throw new ZestError(
        'ERR_ZEST_TOKENIZER',
        `${file} is not a tokenizer that can be used: ${(cause as Error).message}`,
        { cause },
      );
    }
  }

  /**
   * Encodes a text into ids, with the special tokens that the post-processor adds; special tokens within the text count
   * as such.
   *
   * @example
   * const ids = tokenizer.encode('a charming film');
   * console.log(tokenizer.decode(ids)); // <s> a charming film</s>
   *
   * @throws ERR_ZEST_ARGUMENT for what is no string
   */
  encode(text: string): number[] {
    return this.frame(this.#ids(this.#library, text)).ids;
  }

  /**
   * Encodes two texts into ids and segments, as {@link encode} does one; BERT's second text is segment 1, RoBERTa has
   * segment 0 only.
   *
   * @example
   * const { ids, segments } = tokenizer.encodePair('a film', 'a dull one');
   * console.log(tokenizer.decode(ids), segments.length === ids.length); // <s> a film</s></s> a dull one</s> true
   *
   * @throws ERR_ZEST_ARGUMENT for what is no string
   */
  encodePair(first: string, second: string): Encoding {
    return this.frame(this.#ids(this.#library, first), this.#ids(this.#library, second));
  }

  /**
   * Encodes a text alone: nothing is added, and a special token spelt out in the text is plain text.
   *
   * @example
   * const ids = tokenizer.tokenize('a charming film');
   * console.log(ids.map((id) => tokenizer.token(id))); // [ 'Ġa', 'Ġcharming', 'Ġfilm' ]
   *
   * @throws ERR_ZEST_ARGUMENT for what is no string
   */
  tokenize(text: string): number[] {
    return this.#ids(this.#plain, text);
  }

  /**
   * Puts the post-processor's special tokens around one or two lists of ids.
   *
   * @example
   * const { ids } = tokenizer.frame(tokenizer.tokenize('a film'));
   * console.log(tokenizer.decode(ids)); // <s> a film</s>
   */
  frame(first: readonly number[], second?: readonly number[]): Encoding {
    const ids: number[] = [];
    const segments: number[] = [];
    const frame = second ? this.#pair : this.#single;
    for (const [i, token] of frame.tokens.entries()) {
      const inserted = token === FIRST ? first : token === SECOND ? second! : [frame.ids[i]!];
      for (const id of inserted) {
        ids.push(id);
        segments.push(frame.segments[i]!);
      }
    }
    return { ids, segments };
  }

  /**
   * Decodes ids into text. `skipSpecialTokens` (default false) leaves special tokens out.
   *
   * @example
   * const ids = tokenizer.encode('a charming film');
   * console.log([tokenizer.decode(ids, { skipSpecialTokens: true })]); // [ ' a charming film' ]
   *
   * @throws ERR_ZEST_TOKEN (RangeError) for an id that the tokenizer does not have
   */
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): string {
    const { skipSpecialTokens = false } = decodeOptions(options);
    if (typeof ids !== 'object' || !Number.isSafeInteger(ids?.length))
      throw typeError('ERR_ZEST_ARGUMENT', `ids is ${show(ids)}; expected a list of token ids`);
    const list = Array.from(ids);
    for (const id of list) {
      if (this.token(id) === undefined) {
        throw rangeError('ERR_ZEST_TOKEN', `the tokenizer of ${this.folder} has no token id ${id}`);
      }
    }
    if (list.length === 0) return '';
    return this.#library.decode(list, { skip_special_tokens: skipSpecialTokens });
  }

  /**
   * Looks up the id of a token as the vocabulary spells it (RoBERTa's `Ġgreat`); undefined if there is none.
   *
   * @example
   * console.log(tokenizer.tokenId('Ġgreat')); // 579
   */
  tokenId(token: string): number | undefined {
    return this.#library.model.tokens_to_ids.get(token);
  }

  /**
   * Looks up how the vocabulary spells an id; undefined if there is none.
   *
   * @example
   * console.log(tokenizer.token(4)); // <mask>
   */
  token(id: number): string | undefined {
    return this.#library.model.vocab[id];
  }

  #id(token: string): number {
    const id = this.tokenId(token) ?? this.unknownId;
    if (id !== undefined) return id;
    throw new ZestError(
      'ERR_ZEST_TOKENIZER',
      `${join(this.folder, 'tokenizer.json')} has no id for ${JSON.stringify(token)} and no unknown token`,
    );
  }

  #ids(library: Library, text: string): number[] {
    if (typeof text !== 'string') throw typeError('ERR_ZEST_ARGUMENT', `the text is ${show(text)}; expected a string`);
    // JavaScript lower-cases a word's last Σ to ς, Hugging Face's tokenizers every Σ to σ.
    const input = this.#lowercases ? text.replaceAll('Σ', 'σ') : text;
    return library.tokenize(input, { add_special_tokens: false }).map((token) => this.#id(token));
  }
}

/**
 * Checks that every id the tokenizer can produce is a row of the model's embeddings; a model may have more rows than that.
 *
 * @throws ERR_ZEST_TOKENIZER wrong vocabulary size
 */
export const assertVocabulary = (tokenizer: Tokenizer, modelVocabulary: number): void => {
  if (tokenizer.vocabularySize <= modelVocabulary) return;
  throw new ZestError(
    'ERR_ZEST_TOKENIZER',
    `wrong vocabulary size: the tokenizer of ${tokenizer.folder} has ids up to ${tokenizer.vocabularySize - 1}, ` +
      `the model a vocabulary of ${modelVocabulary}`,
  );
};

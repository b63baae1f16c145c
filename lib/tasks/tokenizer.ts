import { join } from 'node:path';
import { rangeError, typeError, ZestError } from '../errors.ts';
import { tokenizerFolder } from '../model/peft.ts';
import type { CallOptions } from '../objective.ts';
import { assertPath, callOptions, flag, optionsOf } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { checkedList } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { ROLE_TOKENS, type SpecialTokens } from '../tokenizer/classes.ts';
import { cleanedUp, isCleanedUp } from '../tokenizer/clean-up.ts';
import { readTokenizer, type TokenizerDescription } from '../tokenizer/folder.ts';
import { vocabularyOf } from '../tokenizer/json.ts';
import { type Library, type Lookup, libraryTokenizer, lookups } from '../tokenizer/library.ts';

/** Token ids and the segment (token type) of each. */
export interface Encoding {
  /** Ids of the tokens, special ones among them. */
  ids: number[];
  /** Segment (token type) of each token: 0, or 1 in the second text of a pair. */
  segments: number[];
}

const FIRST = '\u0000first';
const SECOND = '\u0000second';

const checkedText = (text: unknown): string => {
  if (typeof text === 'string') return text;
  throw typeError('ERR_ZEST_ARGUMENT', `the text is ${show(text)}; expected a string`);
};

const encodeOptions = optionsOf<{ addSpecialTokens?: boolean }>({ addSpecialTokens: flag });

/** What {@link Tokenizer.decode} does with the text that it makes. */
export interface DecodeOptions {
  /** Leaves special tokens out. Default false. */
  skipSpecialTokens?: boolean;
  /** Takes out spaces before marks and the ends of contractions. Default: the tokenizer's own `cleanUpTokenizationSpaces`. */
  cleanUpTokenizationSpaces?: boolean;
}

const decodeOptions = optionsOf<DecodeOptions>({ skipSpecialTokens: flag, cleanUpTokenizationSpaces: flag });

const checkedNumbers = (ids: unknown, name: string): number[] => {
  const each = (id: unknown, place: string): number => {
    if (typeof id === 'number') return id;
    throw typeError('ERR_ZEST_ARGUMENT', `${place} is ${show(id)}; expected a token id`);
  };
  return checkedList(ids, { name, code: 'ERR_ZEST_ARGUMENT', expected: 'a list of token ids', each });
};

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
  /** Number of tokens that its texts should have, specials included, if the folder says so (`model_max_length`). */
  readonly maxLength: number | undefined;
  /** Number of tokens that the model in its folder takes at most, if there is one. */
  readonly modelLength: number | undefined;
  /** Whether the model in its folder is causal: it predicts each next token. */
  readonly causal: boolean;
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
  /**
   * Whether decoded texts lose the spaces before marks and the ends of contractions: where tokenizer_config.json says so
   * (`clean_up_tokenization_spaces`), and the model is not BPE.
   */
  readonly cleanUpTokenizationSpaces: boolean;

  readonly #library: Library;
  readonly #ids: Map<string, number>;
  readonly #encode: Lookup;
  /** The same without the tokens that have a role, so that no text can hold one. */
  readonly #tokenize: Lookup;
  readonly #single: Encoding & { tokens: string[] };
  readonly #pair: Encoding & { tokens: string[] };

  readonly #files: TokenizerDescription;

  private constructor(folder: string, files: TokenizerDescription, start?: string) {
    const { json, config, special, segments, longest, causal } = files;
    this.folder = folder;
    this.#files = files;
    this.#library = libraryTokenizer(json, config);
    this.cleanUpTokenizationSpaces = isCleanedUp(json, config);
    this.#ids = vocabularyOf(json);
    for (const { content, id } of json.added_tokens) this.#ids.set(content, id);
    this.vocabularySize = this.#library.model.vocab.length;
    const limit = config.model_max_length;
    this.modelLength = longest;
    this.causal = causal;
    this.maxLength = Number.isSafeInteger(limit) && (limit as number) > 0 ? (limit as number) : undefined;

    const named = (role: keyof SpecialTokens) => this.tokenId(special[role] ?? '');
    this.unknownId = this.#library.model.unk_token_id ?? named('unk');
    this.maskId = named('mask');
    this.paddingId = named('pad');
    this.beginId = named('bos');
    this.endId = named('eos');
    this.classId = named('cls');
    this.separatorId = named('sep');
    const mask = json.added_tokens.find((token) => token.id === this.maskId);
    this.maskStrips = { left: mask?.lstrip === true, right: mask?.rstrip === true };

    const frame = (pair: string[] | null) => {
      const processed = this.#library.post_processor?.post_process([FIRST], pair, true) ?? {
        tokens: [FIRST],
        tokens_pair: pair ?? [],
      };
      const made = [...processed.tokens, ...(processed.tokens_pair ?? [])];
      const tokens = start === undefined ? made : [start, ...made.slice(made.indexOf(FIRST))];
      const ids = tokens.map((token) => (token === FIRST || token === SECOND ? -1 : this.#id(token)));
      return { tokens, ids, segments: tokens.map((_, i) => (segments ? (processed.token_type_ids?.[i] ?? 0) : 0)) };
    };
    this.#single = frame(null);
    this.#pair = frame([SECOND]);
    this.segmentsPairs = this.#pair.segments.some((segment) => segment !== 0);

    const roles = new Set([...ROLE_TOKENS, ...Object.values(special), ...this.#pair.tokens]);
    const { every, plain } = lookups(this.#library, json, config, roles, (token) => this.#id(token));
    this.#encode = (text) => this.#safely(() => every(text));
    this.#tokenize = (text) => this.#safely(() => plain(text));
  }

  /**
   * Reads `tokenizer.json` and `tokenizer_config.json` of a folder, or of a built-in model such as `film-roberta-mini`,
   * or the tokenizer of a GGUF file. Another name is one of Hugging Face's hub, whose tokenizer is downloaded, without the
   * weights.
   *
   * @example
   * import { Tokenizer } from 'node-zest';
   * const tokenizer = await Tokenizer.load('film-roberta-mini');
   * console.log(tokenizer.vocabularySize); // 8192
   *
   * @throws ERR_ZEST_FILE for what is no folder, and for a file that cannot be read; ERR_ZEST_TOKENIZER naming the file
   * that is missing or broken; ERR_ZEST_HUB, ERR_ZEST_DOWNLOAD
   */
  static async load(name: string, options?: CallOptions): Promise<Tokenizer> {
    assertPath(name, 'folder');
    const { signal } = callOptions(options);
    const folder = await tokenizerFolder(name, signal);
    const file = join(folder, 'tokenizer.json');
    try {
      return new Tokenizer(folder, await readTokenizer(folder));
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
   * Makes a tokenizer that begins texts with another token, in place of those that this one puts there: MeZO begins OPT's
   * with `<s>`, where OPT's own tokenizer has `</s>`.
   *
   * @example
   * const other = tokenizer.startingWith('</s>');
   * console.log(other.decode(other.encode('a film'))); // </s> a film</s>
   *
   * @throws ERR_ZEST_TOKENIZER for a token that there is not
   */
  startingWith(token: string): Tokenizer {
    if (this.tokenId(token) !== undefined) return new Tokenizer(this.folder, this.#files, token);
    throw new ZestError(
      'ERR_ZEST_TOKENIZER',
      `startToken is ${show(token)}; expected a token of ${join(this.folder, 'tokenizer.json')}`,
    );
  }

  /**
   * Encodes a text into ids, with the special tokens that the post-processor adds (`addSpecialTokens`, default true);
   * special tokens within the text count as such.
   *
   * @example
   * const ids = tokenizer.encode('a charming film');
   * console.log(tokenizer.decode(ids)); // <s> a charming film</s>
   *
   * @throws ERR_ZEST_ARGUMENT for what is no string
   */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[] {
    const { addSpecialTokens = true } = encodeOptions(options);
    const ids = this.#encode(checkedText(text));
    return addSpecialTokens ? this.#frame(ids).ids : ids;
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
    return this.#frame(this.#encode(checkedText(first)), this.#encode(checkedText(second)));
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
    return this.#tokenize(checkedText(text));
  }

  /**
   * Puts the post-processor's special tokens around one or two lists of ids.
   *
   * @example
   * const { ids } = tokenizer.frame(tokenizer.tokenize('a film'));
   * console.log(tokenizer.decode(ids)); // <s> a film</s>
   *
   * @throws ERR_ZEST_ARGUMENT for what is no list of numbers
   */
  frame(first: readonly number[], second?: readonly number[]): Encoding {
    return this.#frame(
      checkedNumbers(first, 'first'),
      second === undefined ? second : checkedNumbers(second, 'second'),
    );
  }

  #frame(first: readonly number[], second?: readonly number[]): Encoding {
    const ids: number[] = [];
    const segments: number[] = [];
    const frame = second === undefined ? this.#single : this.#pair;
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
   * Decodes ids into text.
   *
   * @example
   * const ids = tokenizer.encode('a charming film');
   * console.log([tokenizer.decode(ids, { skipSpecialTokens: true })]); // [ ' a charming film' ]
   *
   * @throws ERR_ZEST_TOKEN (RangeError) for an id that the tokenizer does not have
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string {
    const { skipSpecialTokens = false, cleanUpTokenizationSpaces = this.cleanUpTokenizationSpaces } =
      decodeOptions(options);
    const list = this.#checkedIds(ids, 'ids');
    if (list.length === 0) return '';
    const text = this.#safely(() => this.#library.decode(list, { skip_special_tokens: skipSpecialTokens }));
    return cleanUpTokenizationSpaces ? cleanedUp(text) : text;
  }

  /**
   * Looks up the id of a token as the vocabulary spells it (RoBERTa's `Ġgreat`); undefined if there is none.
   *
   * @example
   * console.log(tokenizer.tokenId('Ġgreat')); // 579
   */
  tokenId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /**
   * Looks up how the vocabulary spells an id; undefined if there is none.
   *
   * @example
   * console.log(tokenizer.token(4)); // <mask>
   */
  token(id: number): string | undefined {
    return typeof id === 'number' ? this.#library.model.vocab[id] : undefined;
  }

  #checkedIds(ids: unknown, name: string): number[] {
    const each = (id: unknown): number => {
      if (typeof id === 'number' && this.token(id) !== undefined) return id;
      throw rangeError('ERR_ZEST_TOKEN', `the tokenizer of ${this.folder} has no token id ${show(id)}`);
    };
    return checkedList(ids, { name, code: 'ERR_ZEST_ARGUMENT', expected: 'a list of token ids', each });
  }

  /** What files say of a tokenizer may fail as late as with a text. */
  #safely<T>(run: () => T): T {
    try {
      return run();
    } catch (cause) {
      if (cause instanceof ZestError) throw cause;
      const message = `the tokenizer of ${this.folder} cannot be used: ${(cause as Error).message}`;
      throw new ZestError('ERR_ZEST_TOKENIZER', message, { cause });
    }
  }

  #id(token: string): number {
    const id = this.tokenId(token) ?? this.unknownId;
    if (id !== undefined) return id;
    throw new ZestError(
      'ERR_ZEST_TOKENIZER',
      `${join(this.folder, 'tokenizer.json')} has no id for ${JSON.stringify(token)} and no unknown token`,
    );
  }

  static {
    refuseMoreOptions(this);
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
      `the model a vocabulary of ${modelVocabulary} (resize_token_embeddings of transformers makes room for tokens that were added)`,
  );
};

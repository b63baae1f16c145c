import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { sectioning } from './added-tokens.ts';
import { type AddedToken, type TokenizerJson, vocabularyOf } from './json.ts';
import { normalizer } from './normalize.ts';
import { watched } from './pattern.ts';
import { splitter } from './split.ts';

/** What is used of @huggingface/tokenizers, whose own type files do not resolve under Node's module rules. */
export interface Library {
  model: {
    (pieces: string[]): string[];
    vocab: string[];
    tokens_to_ids: Map<string, number>;
    unk_token_id?: number;
  };
  post_processor: {
    post_process(
      tokens: string[],
      pair: string[] | null,
      addSpecialTokens: boolean,
    ): { tokens: string[]; tokens_pair?: string[]; token_type_ids?: number[] };
  } | null;
  decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
}

/**
 * Makes the library's tokenizer, of which the model, the decoder and the post-processor are used. Texts are normalized
 * and split here: there the library differs from Hugging Face's own tokenizers in many rare characters.
 */
export const libraryTokenizer = (json: TokenizerJson, config: object): Library => {
  const library = new LibraryTokenizer(
    { ...json, normalizer: null, pre_tokenizer: null },
    {
      ...config,
      // The library would clean up texts where no file says so.
      clean_up_tokenization_spaces: false,
      // For WordLevel it looks here alone, not in the model.
      ...(typeof json.model.unk_token === 'string' && { unk_token: json.model.unk_token }),
    },
  );
  const { model } = library as unknown as Library;
  if (JSON.stringify(json.decoder ?? null).includes('"Regex"')) {
    const decode = library.decode.bind(library);
    library.decode = (...input: Parameters<typeof decode>) =>
      watched('decoder', input[0].length, () => decode(...input));
  }
  // The library lets the model find added tokens within words.
  const vocabulary = vocabularyOf(json);
  for (const { content } of json.added_tokens) if (!vocabulary.has(content)) model.tokens_to_ids.delete(content);
  return library as unknown as Library;
};

/** No token of a vocabulary begins so. */
const NO_TEXT = '\u0000special ';

/** A vocabulary of Unigram without some tokens, which it has among its pieces, and with the best score of all. */
const withoutPieces = (json: TokenizerJson, tokens: ReadonlySet<unknown>): TokenizerJson => {
  const { vocab } = json.model;
  if (!Array.isArray(vocab)) return json;
  const spelt = ([piece, score]: [string, number]): [string, number] => [
    tokens.has(piece) ? NO_TEXT + piece : piece,
    score,
  ];
  return { ...json, model: { ...json.model, vocab: vocab.map(spelt) } };
};

const LONE_SURROGATE = /\p{Cs}/gu;

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

/** Finds the ids of a text's tokens. */
export type Lookup = (text: string) => number[];

/**
 * Makes two lookups: one that finds every added token in a text, and one to which those with a role are plain text.
 * `idOf` gives the id of a token that the model found, or the unknown one's.
 */
export const lookups = (
  library: Library,
  json: TokenizerJson,
  config: object,
  roles: ReadonlySet<unknown>,
  idOf: (token: string) => number,
): { every: Lookup; plain: Lookup } => {
  const normalize = normalizer(json.normalizer);
  const split = splitter(json.pre_tokenizer);
  const { tokens_to_ids } = library.model;
  // The library does this for BPE, not for Unigram.
  const inBytes = json.model.byte_fallback === true && Array.isArray(json.model.vocab);
  const bytesOf = (text: string): number[] | undefined => {
    const ids = Array.from(Buffer.from(text), (byte) => tokens_to_ids.get(byteToken(byte)));
    return ids.every((id) => id !== undefined) ? ids : undefined;
  };
  const idsOf = (token: string): number[] => {
    const bytes = inBytes && !tokens_to_ids.has(token) ? bytesOf(token) : undefined;
    return bytes ?? [idOf(token)];
  };
  // BPE without an unknown token leaves out characters that it does not know, before it merges what is then together.
  const leavesOut = json.model.type === 'BPE' && (json.model.unk_token ?? null) === null;
  const isKnown = (character: string): boolean =>
    tokens_to_ids.has(character) || (json.model.byte_fallback === true && bytesOf(character) !== undefined);
  const known = (text: string): string => (leavesOut ? Array.from(text).filter(isKnown).join('') : text);
  const lookup = ({ model }: Library, tokens: readonly AddedToken[]): Lookup => {
    const sections = sectioning(tokens, normalize);
    return (text) =>
      sections(text.replace(LONE_SURROGATE, '\ufffd')).flatMap((section) => {
        if ('id' in section) return [section.id];
        const pieces = split([section]).map(({ text }) => known(text));
        return pieces.flatMap((piece) => (piece === '' ? [] : model([piece]))).flatMap(idsOf);
      });
  };
  const others = json.added_tokens.filter(({ content }) => !roles.has(content));
  const isUnigram = Array.isArray(json.model.vocab);
  return {
    every: lookup(library, json.added_tokens),
    plain: lookup(isUnigram ? libraryTokenizer(withoutPieces(json, roles), config) : library, others),
  };
};

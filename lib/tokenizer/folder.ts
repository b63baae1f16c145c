import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import { ifThere, isUnreadable } from '../files/files.ts';
import { familyOf } from '../model/families/index.ts';
import { isGguf, readGguf } from '../model/gguf/format.ts';
import { ggufTokenizer } from '../model/gguf/tokenizer.ts';
import { lfsFault } from '../model/git-lfs.ts';
import { modelFault } from '../model/no-model.ts';
import { readSourceConfig } from '../model/source.ts';
import { isDeeperThan, isObject, readJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import { somethingElse } from '../text/what-is.ts';
import { ROLES, type SpecialTokens, type TokenizerClass, type TokenizerConfig, tokenizerClass } from './classes.ts';
import { type AddedToken, type TokenizerJson, vocabularyOf } from './json.ts';
import { tokenizerOfVocabulary } from './vocabulary-files.ts';

/** A tokenizer as its folder's files and its class describe it together. */
export interface TokenizerDescription {
  json: TokenizerJson;
  config: TokenizerConfig;
  /** The special token of each role, if any. */
  special: SpecialTokens;
  /** Whether the second text of a pair gets a segment of its own: by the tokenizer, and by the model if there is one. */
  segments: boolean;
  /** Number of tokens that the model of the folder takes, if there is one of a known family. */
  longest: number | undefined;
  /** Whether that model predicts each next token. */
  causal: boolean;
}

/** Steps of a tokenizer that may hold others, and how deep they may. */
const STEPS = ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'] as const;
const MOST_LEVELS = 32;

/** A pattern among steps that is none: the library would print it. */
const wrongPattern = (value: unknown): [unknown] | undefined => {
  if (Array.isArray(value)) return value.map(wrongPattern).find((found) => found);
  if (!isObject(value)) return undefined;
  const { pattern } = value;
  const isPattern = isObject(pattern) && [pattern.String, pattern.Regex].some((text) => typeof text === 'string');
  if ('pattern' in value && !isPattern) return [pattern];
  return Object.values(value)
    .map(wrongPattern)
    .find((found) => found);
};

const fail = (message: string, cause?: unknown): never => {
  throw new ZestError('ERR_ZEST_TOKENIZER', message, { cause });
};

/** Reads an object of JSON; undefined where there is no such file. */
const readObject = async (file: string): Promise<Record<string, unknown> | undefined> => {
  const text = await ifThere(file, readFile(file, 'utf8'));
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const pointer = lfsFault(text);
    fail(pointer ? `${file}: ${pointer}` : `${file} is not JSON: ${(cause as Error).message}`, cause);
  }
  if (!isObject(value)) fail(`${file} is ${show(value)}; expected a JSON object`);
  return value as Record<string, unknown>;
};

const contentOf = (token: unknown): string | undefined =>
  typeof token === 'string' ? token : isObject(token) && typeof token.content === 'string' ? token.content : undefined;

const isFlagged = (token: unknown): token is Omit<AddedToken, 'id'> =>
  isObject(token) && typeof token.content === 'string';

/** tokenizer_config.json, with what special_tokens_map.json says of tokens where it does not list them by id. */
const mergedConfig = async (folder: string): Promise<TokenizerConfig> => {
  const config = (await readObject(join(folder, 'tokenizer_config.json'))) ?? {};
  if ('added_tokens_decoder' in config) return config;
  return { ...config, ...(await readObject(join(folder, 'special_tokens_map.json'))) };
};

/** The added tokens of all files, each once: tokenizer.json's, then those that the configuration lists by id. */
const addedTokens = async (
  folder: string,
  { added_tokens }: TokenizerJson,
  config: TokenizerConfig,
): Promise<Map<string, AddedToken>> => {
  const byId = new Map<number, AddedToken>();
  for (const [content, id] of Object.entries((await readObject(join(folder, 'added_tokens.json'))) ?? {})) {
    if (typeof id === 'number') byId.set(id, { id, content });
  }
  for (const token of added_tokens) byId.set(token.id, token);
  const listed = isObject(config.added_tokens_decoder) ? Object.entries(config.added_tokens_decoder) : [];
  for (const [id, token] of listed) if (isFlagged(token)) byId.set(Number(id), { ...token, id: Number(id) });
  return new Map([...byId.values()].map((token) => [token.content, token]));
};

/** Tokens that a user added beside those with a role: a list, or an object of names and tokens. */
const extraTokens = (config: TokenizerConfig): unknown[] =>
  [config.additional_special_tokens, config.extra_special_tokens].flatMap((tokens) =>
    isObject(tokens) ? Object.values(tokens) : Array.isArray(tokens) ? tokens : [],
  );

const roleTokens = (config: TokenizerConfig, known: TokenizerClass | undefined): [role: string, token: unknown][] =>
  ROLES.flatMap((role) => {
    const token = config[`${role}_token`];
    if (contentOf(token) !== undefined) return [[role, token]];
    return token === null || known?.special[role] === undefined ? [] : [[role, known.special[role]]];
  });

/** The template of a class, as tokenizer.json writes it. */
const template = (
  frame: TokenizerClass['frame'],
  special: SpecialTokens,
  idOf: (token: string) => number | undefined,
): object | null => {
  if (!frame) return null;
  const items = (text: string, type_id: number) =>
    text.split(' ').map((item) => {
      if (item === 'A' || item === 'B') return { Sequence: { id: item, type_id } };
      return { SpecialToken: { id: special[item as keyof SpecialTokens], type_id } };
    });
  const first = items(frame.first, 0);
  const tokens = Object.values(special).map((id) => [id, { id, ids: [idOf(id as string)], tokens: [id] }]);
  return {
    type: 'TemplateProcessing',
    single: first,
    pair: [...first, ...items(frame.second, 1)],
    special_tokens: Object.fromEntries(tokens),
  };
};

/** How many segments a model has, by its config.json; undefined where that is of no family that is known. */
const segmentsOf = (config: Record<string, unknown>): unknown => {
  const family = familyOf(config.model_type);
  if (!family) return undefined;
  const [key, absent] = family.config.segments ?? ['', 1];
  return config[key] ?? absent;
};

const missing = (folder: string): never => {
  if (somethingElse(folder, 'model') || !existsSync(folder))
    throw new ZestError('ERR_ZEST_FILE', modelFault(folder, 'config'));
  const file = join(folder, 'tokenizer.json');
  const others = ['vocab.txt', 'vocab.json', 'sentencepiece.bpe.model', 'spiece.model', 'tokenizer.model'];
  const found = others.find((name) => existsSync(join(folder, name)));
  const cure = `AutoTokenizer.from_pretrained('${folder}').save_pretrained('${folder}') of transformers writes it`;
  return fail(
    found === undefined
      ? `${file} cannot be read; a tokenizer needs this file${existsSync(join(folder, 'config.json')) ? '' : `: ${modelFault(folder, 'config')}`}`
      : `${file} is missing, and ${found} alone is not read for this kind of tokenizer; ${cure}`,
  );
};

/**
 * Reads what describes a tokenizer in a GGUF file, or in a folder: tokenizer.json (or vocab.txt, or vocab.json and
 * merges.txt), tokenizer_config.json, special_tokens_map.json, added_tokens.json, and the type of the model, by which
 * transformers chooses a class with defaults of its own where none is named.
 *
 * @throws ERR_ZEST_FILE for what is no folder, and for a file that cannot be read; ERR_ZEST_TOKENIZER naming the file that
 * is missing or broken, or the token that tokenizer.json does not have
 */
export const readTokenizer = async (folder: string): Promise<TokenizerDescription> => {
  const inside = isGguf(folder) ? ggufTokenizer(await readGguf(folder)) : undefined;
  const file = inside ? folder : join(folder, 'tokenizer.json');
  const given = (inside?.json ?? (await readObject(file))) as TokenizerJson | undefined;
  const config: TokenizerConfig = inside?.config ?? (await mergedConfig(folder));
  // What is wrong with config.json is for the model to say.
  const read = await readJson(join(folder, 'config.json'));
  const modelConfig = isObject(read) ? read : {};
  // A GGUF file says all itself.
  const { known, isNamed } = inside ? { known: undefined, isNamed: true } : tokenizerClass(config, modelConfig);
  const json = given ?? (await tokenizerOfVocabulary(folder, known)) ?? missing(folder);
  const isUsable = Array.isArray(json.added_tokens) && typeof (json.model?.vocab ?? undefined) === 'object';
  if (!isUsable) fail(`${file} is not a tokenizer that can be used: it has no model with a vocab, or no added_tokens`);
  for (const step of STEPS) {
    if (isDeeperThan(json[step], MOST_LEVELS))
      fail(`${file}: ${step} is nested too deeply; expected at most ${MOST_LEVELS} levels`);
    const pattern = wrongPattern(json[step]);
    if (pattern) fail(`${file}: ${step} has the pattern ${show(pattern[0])}; expected { String } or { Regex }`);
  }
  const vocabulary = vocabularyOf(json);
  const tokens = await addedTokens(folder, json, config);
  const idOf = (content: string) => tokens.get(content)?.id ?? vocabulary.get(content);

  const special: SpecialTokens = {};
  for (const [role, token] of roleTokens(config, known)) {
    const content = contentOf(token) as string;
    const id = idOf(content);
    if (id === undefined) {
      if (config[`${role}_token`] === undefined) continue; // a default of the class
      fail(
        `${join(folder, 'tokenizer_config.json')} names ${JSON.stringify(content)} as ${role}_token, which tokenizer.json does not have`,
      );
    }
    special[role as keyof SpecialTokens] = content;
    const flags = isFlagged(token) ? token : { lstrip: role === 'mask' && known?.maskTakesSpace === true };
    if (!tokens.has(content)) tokens.set(content, { ...flags, content, id: id as number, special: true });
  }
  let next =
    1 + [...vocabulary.values(), ...[...tokens.values()].map(({ id }) => id)].reduce((a, b) => Math.max(a, b), -1);
  for (const token of extraTokens(config)) {
    const content = contentOf(token);
    if (content === undefined || tokens.has(content)) continue;
    tokens.set(content, { ...(isFlagged(token) && token), content, id: idOf(content) ?? next++, special: true });
  }

  const model = await readSourceConfig(folder).catch((error) => {
    if (isUnreadable(error)) throw error;
    return undefined;
  });
  const isOfClass = known !== undefined && (json.model.type ?? known.model) === known.model;
  const names = config.model_input_names;
  return {
    json: {
      ...json,
      ...(isOfClass && known.pipeline?.(json, config)),
      post_processor: json.post_processor ?? (isOfClass ? template(known.frame, special, idOf) : null),
      added_tokens: [...tokens.values()],
    },
    config,
    special,
    longest: model && model.positions - model.positionOffset,
    causal: model?.family.causal ?? false,
    segments:
      segmentsOf(modelConfig) !== 1 &&
      (Array.isArray(names) ? names.includes('token_type_ids') : (known?.segments ?? !isNamed)),
  };
};

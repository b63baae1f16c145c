import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZestError } from '../errors.ts';
import type { NameOf } from '../native/names.ts';
import { isPositiveFloat32, POSITIVE_FLOAT32 } from '../numbers/float32.ts';
import { isObject, readJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import type { ConfigKey, Family, Setting } from './families/family.ts';
import { FAMILIES, familyOf } from './families/index.ts';
import { lfsFault } from './git-lfs.ts';
import { modelFault } from './no-model.ts';
import { rotaryFrequencies } from './rotary.ts';

/** What a count may be, at most. */
const MOST = 2 ** 31 - 1;

/** Far above any model's, far below what takes long to look at. */
const MOST_HEAD_WIDTH = 65_536;

/** By the names that transformers gives. */
const ACTIVATIONS: Readonly<Record<string, NameOf<'activation'>>> = {
  ...{ gelu: 'geluErf', gelu_new: 'geluTanh', gelu_pytorch_tanh: 'geluTanh', quick_gelu: 'geluQuick' },
  ...{ gelu_fast: 'geluTanh', relu: 'relu', silu: 'silu', swish: 'silu', tanh: 'tanh' },
};

/** What a config.json says of a model; keys that it leaves out have transformers' defaults. */
export interface ModelConfig {
  file: string;
  /** The whole object, as read. */
  json: Readonly<Record<string, unknown>>;
  modelType: string;
  family: Family;
  hidden: number;
  layers: number;
  heads: number;
  /** Heads of keys and values; each is shared by heads ÷ keyValueHeads of queries. */
  keyValueHeads: number;
  /** Columns of a head. */
  headWidth: number;
  intermediate: number;
  /** Columns of the word embeddings. */
  embedding: number;
  vocabulary: number;
  /** Rows of the position embeddings, or the longest sequence where there are none. */
  positions: number;
  /** Row of the first position. */
  positionOffset: number;
  /** 1 where the family has no embeddings of segments. */
  segments: number;
  normEpsilon: number;
  normFirst: boolean;
  parallel: boolean;
  /** Number of tokens back that one attends to; 0: all. */
  window: number;
  rotaryFrequencies: Float32Array;
  activation: NameOf<'activation'>;
  /** What {@link Family.paddingId} is the default of. */
  paddingId: number | undefined;
  tied: boolean;
  initializerRange: number;
  /** Tokens that end a text, as generation_config.json says, or config.json where there is none. */
  endTokens: readonly number[];
  /** The class that wrote the checkpoint, e.g. RobertaForMaskedLM. */
  architecture: string | undefined;
  /** What config.json says of a setting of the family. */
  flag(setting: Setting<boolean>): boolean;
}

/**
 * What generation_config.json says of the tokens that end a text, null if it leaves them out; undefined if there is no
 * such file, or it is broken.
 *
 * @throws ERR_ZEST_FILE where it cannot be read
 */
const endTokens = async (folder: string): Promise<unknown> => {
  const json = await readJson(join(folder, 'generation_config.json'));
  return isObject(json) ? (json.eos_token_id ?? null) : undefined;
};

/**
 * Reads and checks a folder's config.json.
 *
 * @throws ERR_ZEST_FILE, ERR_ZEST_CONFIG_JSON for what is no valid configuration, ERR_ZEST_FAMILY for an unknown
 * model_type, ERR_ZEST_UNSUPPORTED for what the engine does not compute
 */
export const readModelConfig = async (folder: string): Promise<ModelConfig> => {
  const file = join(folder, 'config.json');
  const bad = (what: string, cause?: unknown) => new ZestError('ERR_ZEST_CONFIG_JSON', `${file}: ${what}`, { cause });
  const text = await readFile(file, 'utf8').catch((cause) => {
    const isGone =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' || (cause as NodeJS.ErrnoException).code === 'ENOTDIR';
    const message = isGone ? modelFault(folder, 'config') : `${file} cannot be read: ${(cause as Error).message}`;
    throw new ZestError('ERR_ZEST_FILE', message, { cause });
  });
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad(lfsFault(text) ?? `not JSON: ${(cause as Error).message}`, cause);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw bad('expected a JSON object');

  return modelConfig(file, json, await endTokens(folder));
};

/**
 * Checks a configuration, as config.json has it. `end` are the tokens that end a text, null for none, where another file
 * than `file` says so.
 *
 * @throws what {@link readModelConfig} throws for a file that can be read
 */
export const modelConfig = (file: string, json: Record<string, unknown>, end?: unknown): ModelConfig => {
  const bad = (what: string) => new ZestError('ERR_ZEST_CONFIG_JSON', `${file}: ${what}`);
  const modelType = json.model_type;
  const family = familyOf(modelType);
  if (typeof modelType !== 'string' || !family) {
    const known = Object.keys(FAMILIES).join(', ');
    throw new ZestError('ERR_ZEST_FAMILY', `${file}: model_type is ${show(modelType)}; known: ${known}`);
  }
  const keys = family.config;
  /** The name by which the file has a key. */
  const named = (key: string): string => {
    const alias = keys.aliases?.[key] ?? key;
    return json[alias] === undefined ? key : alias;
  };
  /** What a key says; null is a value of its own, and no default stands for it. */
  const value = (key: string, absent?: unknown) => {
    const given = json[named(key)];
    return given === undefined ? absent : given;
  };
  const count = ([key, absent]: ConfigKey<number | null>): number => {
    const given = value(key, absent);
    if (Number.isSafeInteger(given) && (given as number) >= 1 && (given as number) <= MOST) return given as number;
    throw bad(`${named(key)} is ${show(given)}; expected a whole number from 1 to ${MOST}`);
  };
  /** A count, or what stands for null. */
  const countOr = (key: ConfigKey<number | null> | undefined, otherwise: number): number =>
    key === undefined || value(...key) === null ? otherwise : count(key);
  const notNegative = ([key, absent]: ConfigKey<number>): number => {
    const given = value(key, absent);
    if (given === 0 || isPositiveFloat32(given)) return given;
    throw bad(`${key} is ${show(given)}; expected 0 or ${POSITIVE_FLOAT32}`);
  };
  const flag = (setting: Setting<boolean>): boolean => {
    if (typeof setting === 'boolean') return setting;
    const [key, absent] = setting;
    const given = value(key, absent);
    if (typeof given === 'boolean') return given;
    if (given === null && !absent) return false;
    throw bad(`${key} is ${show(given)}; expected true or false`);
  };

  const unsupported = (key: string, expected: string) =>
    new ZestError('ERR_ZEST_UNSUPPORTED', `${file}: ${key} is ${show(json[key])}; this version takes ${expected}`);
  for (const [key, only] of Object.entries(keys.only)) {
    const given = typeof only === 'boolean' ? flag([key, only]) : value(key, only);
    if (given !== only) throw unsupported(key, `${JSON.stringify(only)} only`);
  }
  const activationName = value(...keys.activation) as string;
  if (!Object.hasOwn(ACTIVATIONS, activationName)) {
    throw unsupported(keys.activation[0], Object.keys(ACTIVATIONS).join(', '));
  }

  const hidden = count(keys.hidden);
  const heads = count(keys.heads);
  const headWidth = countOr(keys.headWidth, hidden / heads);
  if (!Number.isInteger(headWidth)) {
    throw bad(`${named(keys.hidden[0])} ${hidden} is not a multiple of ${named(keys.heads[0])} ${heads}`);
  }
  if (headWidth > MOST_HEAD_WIDTH) {
    throw bad(
      `${keys.headWidth?.[0] ?? named(keys.heads[0])} makes heads of ${headWidth} columns; expected at most ${MOST_HEAD_WIDTH}`,
    );
  }
  const keyValueHeads = countOr(keys.keyValueHeads, heads);
  if (heads % keyValueHeads !== 0) {
    throw bad(`${keys.heads[0]} ${heads} is not a multiple of ${keys.keyValueHeads?.[0]} ${keyValueHeads}`);
  }
  const vocabulary = count(keys.vocabulary);
  const afterPadding = family.firstPosition === 'afterPadding';
  const paddingId = value('pad_token_id', family.paddingId);
  const isToken = Number.isSafeInteger(paddingId) && (paddingId as number) >= 0 && (paddingId as number) < vocabulary;
  // Llama's first checkpoints say −1, which no token is.
  if (!isToken && !family.causal && (paddingId !== null || afterPadding)) {
    throw bad(`pad_token_id is ${show(paddingId)}; expected a token id below ${keys.vocabulary[0]} ${vocabulary}`);
  }
  // The rows that precede the first position are counted by max_position_embeddings where padding decides on them.
  const positionOffset = afterPadding ? (paddingId as number) + 1 : (family.firstPosition as number);
  const positions = count(keys.positions) + (afterPadding ? 0 : positionOffset);
  if (positions <= positionOffset) {
    throw bad(`${named(keys.positions[0])} is ${positions}, which leaves no position after pad_token_id ${paddingId}`);
  }
  const architectures = Array.isArray(json.architectures) ? json.architectures : [];
  return {
    file,
    json,
    modelType,
    family,
    hidden,
    layers: count(keys.layers),
    heads,
    keyValueHeads,
    headWidth,
    intermediate: countOr(keys.intermediate, 4 * hidden),
    embedding: countOr(keys.embedding, hidden),
    vocabulary,
    positions,
    positionOffset,
    segments: keys.segments ? count(keys.segments) : 1,
    normEpsilon: typeof keys.normEpsilon === 'number' ? keys.normEpsilon : notNegative(keys.normEpsilon),
    normFirst: flag(family.normFirst ?? false),
    parallel: flag(family.parallel ?? false),
    window: countOr(family.window, 0),
    rotaryFrequencies: family.rotary
      ? rotaryFrequencies({ file, json }, family.rotary, { headWidth, positions })
      : new Float32Array(0),
    activation: ACTIVATIONS[activationName] as NameOf<'activation'>,
    paddingId: isToken ? (paddingId as number) : undefined,
    tied: flag(keys.tied),
    initializerRange: notNegative(['initializer_range', 0.02]) || 0.02,
    endTokens: [end === undefined ? json.eos_token_id : end]
      .flat()
      .filter((id) => Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < vocabulary) as number[],
    architecture: typeof architectures[0] === 'string' ? architectures[0] : undefined,
    flag,
  };
};

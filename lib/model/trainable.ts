import { typeError, ZestError } from '../errors.ts';
import { show } from '../show.ts';
import type { Role } from './roles.ts';

/**
 * Which of the parameters that the loss reads are trained:
 * - `all`
 * - `bias`: biases of linear layers and norms
 * - `head`: what comes after the encoder, without a decoder that is tied to the word embeddings
 * - `{ include, exclude }`: globs over checkpoint names, `*` any characters, `?` one; default all and none
 *
 * `lora` and `prefix` come in a later version.
 */
export type Trainable =
  | 'all'
  | 'bias'
  | 'head'
  | { include?: string[]; exclude?: string[] }
  | { lora: { rank: number; alpha: number; targets?: string[] } }
  | { prefix: { tokens: number } };

/** A parameter that the loss reads. */
export type ReadParameter = Role & { name: string };

const toRegExp = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
      .replace(/\*+/g, '.*')
      .replaceAll('?', '.')}$`,
    's',
  );

const globs = (value: unknown, key: string): string[] => {
  if (Array.isArray(value) && value.every((glob) => typeof glob === 'string')) return value;
  throw typeError('ERR_ZEST_TRAINABLE', `trainable.${key} is ${show(value)}; expected an array of globs`);
};

const matching = (parameters: readonly ReadParameter[], patterns: string[], key: string): Set<string> => {
  const matched = new Set<string>();
  for (const glob of patterns) {
    const pattern = toRegExp(glob);
    const names = parameters.map(({ name }) => name).filter((name) => pattern.test(name));
    if (names.length === 0) {
      throw new ZestError(
        'ERR_ZEST_TRAINABLE',
        `trainable.${key}: '${glob}' matches no parameter that the loss reads; one is '${parameters[0]?.name}'`,
      );
    }
    for (const name of names) matched.add(name);
  }
  return matched;
};

/** The names of the parameters to train. Throws ERR_ZEST_TRAINABLE for a selection that is empty or no selection at all. */
export const selectTrainable = (trainable: Trainable, parameters: readonly ReadParameter[]): Set<string> => {
  let chosen: readonly ReadParameter[];
  if (trainable === 'all') chosen = parameters;
  else if (trainable === 'bias') chosen = parameters.filter(({ isBias }) => isBias);
  else if (trainable === 'head') chosen = parameters.filter(({ isHead }) => isHead);
  else if (typeof trainable === 'object' && trainable !== null) {
    const { include = ['*'], exclude = [], ...others } = trainable as { include?: string[]; exclude?: string[] };
    const [key] = Object.keys(others);
    if (key === 'lora' || key === 'prefix') {
      throw new ZestError('ERR_ZEST_UNSUPPORTED', `trainable: ${key} comes in a later version of node-zest`);
    }
    if (key !== undefined) throw typeError('ERR_ZEST_TRAINABLE', `trainable has the unknown key '${key}'`);
    const included = matching(parameters, globs(include, 'include'), 'include');
    const excluded = matching(parameters, globs(exclude, 'exclude'), 'exclude');
    chosen = parameters.filter(({ name }) => included.has(name) && !excluded.has(name));
  } else {
    const expected = "'all', 'bias', 'head' or { include, exclude }";
    throw typeError('ERR_ZEST_TRAINABLE', `trainable is ${show(trainable)}; expected ${expected}`);
  }
  if (chosen.length === 0) throw new ZestError('ERR_ZEST_TRAINABLE', 'trainable leaves no parameter to train');
  return new Set(chosen.map(({ name }) => name));
};

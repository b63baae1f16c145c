import { ZestError } from '../errors.ts';
import { adapterOptions, type LoraOptions, type PrefixOptions } from './adapter-options.ts';
import { matchesGlob } from './glob.ts';
import type { Role } from './roles.ts';

/**
 * Which of the parameters that the loss reads are trained:
 * - `all`
 * - `bias`: biases of linear layers and norms
 * - `none`: nothing, of a model that only answers; quantised weights then all stay as stored
 * - `head`: what comes after the encoder, without a decoder that is tied to the word embeddings
 * - `{ include, exclude }`: globs over checkpoint names, `*` any characters, `?` one; default all and none
 * - `{ lora }`, `{ prefix }`: an adapter that is put on the model, and a head that is new; the rest is frozen
 *
 * A prefix that the checkpoint has is always read. It is a parameter like any other to `all` and to globs, and what
 * `{ prefix }` goes on with.
 */
export type Trainable =
  | 'all'
  | 'bias'
  | 'head'
  | 'none'
  | { include?: string[]; exclude?: string[] }
  | { lora: LoraOptions }
  | { prefix: PrefixOptions };

/** A parameter that the loss reads; `isNew`: made from a seed, not read from the checkpoint. */
export type ReadParameter = Role & { name: string; isNew: boolean };

const matching = (parameters: readonly ReadParameter[], patterns: string[], key: string): Set<string> => {
  const matched = new Set<string>();
  for (const glob of patterns) {
    const names = parameters.map(({ name }) => name).filter((name) => matchesGlob(glob, name));
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

/**
 * Chooses the names of the parameters to train.
 *
 * @throws ERR_ZEST_TRAINABLE for globs that match nothing, or leave nothing
 */
export const selectTrainable = (trainable: Trainable, parameters: readonly ReadParameter[]): Set<string> => {
  const { lora, prefix } = adapterOptions(trainable);
  let chosen: readonly ReadParameter[];
  if (lora) chosen = parameters.filter(({ isNew, adapter }) => isNew || adapter === 'lora');
  else if (prefix) chosen = parameters.filter(({ isNew, adapter }) => isNew || adapter === 'prefix');
  else if (trainable === 'all') chosen = parameters;
  else if (trainable === 'none') return new Set();
  else if (trainable === 'bias') chosen = parameters.filter(({ isBias }) => isBias);
  else if (trainable === 'head') chosen = parameters.filter(({ isHead }) => isHead);
  else {
    const { include = ['*'], exclude = [] } = trainable as { include?: string[]; exclude?: string[] };
    const included = matching(parameters, include, 'include');
    const excluded = matching(parameters, exclude, 'exclude');
    chosen = parameters.filter(({ name }) => included.has(name) && !excluded.has(name));
  }
  if (chosen.length === 0) throw new ZestError('ERR_ZEST_TRAINABLE', 'trainable leaves no parameter to train');
  return new Set(chosen.map(({ name }) => name));
};

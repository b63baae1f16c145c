import { typeError } from '../errors.ts';
import { nearest } from '../options/nearest.ts';
import type { Target } from './batch.ts';

type KeysOf<K extends Target['kind']> = readonly (keyof Extract<Target, { kind: K }>)[];

/** What each kind of target is made of. */
const KEYS: { readonly [K in Target['kind']]: KeysOf<K> } = {
  labelWords: ['kind', 'position', 'words', 'label'],
  class: ['kind', 'label'],
  labels: ['kind', 'labels'],
  values: ['kind', 'values'],
  tokens: ['kind', 'from', 'to'],
  maskedTokens: ['kind', 'positions', 'ids'],
  options: ['kind', 'options', 'label', 'normalize'],
};

/**
 * Checks that a target has no key that its kind does not know.
 *
 * @throws ERR_ZEST_TARGET naming the key, and the one that was likely meant
 */
export const checkTargetKeys = (target: Target, name: string): void => {
  const known: readonly string[] = KEYS[target.kind];
  for (const key of Object.keys(target)) {
    if (known.includes(key)) continue;
    const guess = nearest(key, known);
    const hint = guess === undefined ? '' : ` (did you mean ${guess}?)`;
    const message = `${name}.${key} is not known${hint}; a target of kind '${target.kind}' has ${known.join(', ')}`;
    throw typeError('ERR_ZEST_TARGET', message);
  }
};

import type { Family } from './families.ts';

const LEGACY = [
  [/LayerNorm\.weight$/, 'LayerNorm.gamma'],
  [/LayerNorm\.bias$/, 'LayerNorm.beta'],
] as const;

/**
 * What a tensor is called in a checkpoint: the encoder may lack its prefix, norms may have the names of TensorFlow.
 * `undefined` if it is not there.
 */
export const checkpointName = (
  name: string,
  family: Family,
  checkpoint: { has(name: string): boolean },
): string | undefined => {
  const legacy = LEGACY.reduce((spelling, [pattern, old]) => spelling.replace(pattern, old), name);
  return [name, legacy].flatMap((full) => [full, bareName(full, family)]).find((spelling) => checkpoint.has(spelling));
};

/** A name without the prefix of the encoder. */
export const bareName = (name: string, { prefix }: Family): string =>
  name.startsWith(prefix) ? name.slice(prefix.length) : name;

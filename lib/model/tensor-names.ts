import { type Family, linearOf } from './families/family.ts';

const formerName = (name: string, { formerEnds }: Family): string => {
  const [end, former] = Object.entries(formerEnds ?? {}).find(([end]) => name.endsWith(end)) ?? ['', ''];
  return name.slice(0, name.length - end.length) + former;
};

/**
 * What a tensor is called in a checkpoint: the encoder may lack its prefix, ends of names may be older ones. `undefined`
 * if it is not there.
 */
export const checkpointName = (
  name: string,
  family: Family,
  checkpoint: { has(name: string): boolean },
): string | undefined =>
  [name, formerName(name, family)]
    .flatMap((full) => [full, bareName(full, family)])
    .find((spelling) => checkpoint.has(spelling));

/** A name without the prefix of the encoder. */
export const bareName = (name: string, { prefix }: Family): string =>
  name.startsWith(prefix) ? name.slice(prefix.length) : name;

/** The module of a part of layer N. */
export const layerModule = ({ prefix, layers, layer }: Family, n: number, part: 'query' | 'value'): string =>
  `${prefix}${layers}.${n}.${linearOf(layer[part]).name}`;

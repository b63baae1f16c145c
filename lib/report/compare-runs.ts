import type { RunRecord } from '../runs/read.ts';

/** A key with a text for each run. */
export interface ComparedKey {
  key: string;
  values: string[];
}

/** A key that has a value in one run and keys of its own in another, as `optimizer.tilt` may, is one key: 0, or {tau: 1}. */
export const withWholeValues = (maps: readonly ReadonlyMap<string, string>[]): Map<string, string>[] => {
  const keys = new Set(maps.flatMap((map) => [...map.keys()]));
  const partsOf = (key: string) => key.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.'));
  const wholeOf = (key: string) => partsOf(key).find((part) => keys.has(part)) ?? key;
  return maps.map((map) => {
    const whole = new Map<string, string>();
    for (const [key, value] of map) {
      const at = wholeOf(key);
      const own = at === key ? value : `{${key.slice(at.length + 1)}: ${value}}`;
      const before = whole.get(at);
      whole.set(at, before === undefined ? own : `${before.slice(0, -1)}, ${own.slice(1)}`);
    }
    return whole;
  });
};

/** The keys that differ between runs, or are the same; a key that a run lacks is – there. */
export const compared = (
  maps: readonly ReadonlyMap<string, string>[],
): { differing: ComparedKey[]; same: ComparedKey[] } => {
  const keys = [...new Set(maps.flatMap((map) => [...map.keys()]))];
  const rows = keys.map((key) => ({ key, values: maps.map((map) => map.get(key) ?? '–') }));
  const differs = ({ values }: ComparedKey) => values.some((value) => value !== values[0]);
  return { differing: rows.filter(differs), same: rows.filter((row) => !differs(row)) };
};

/** Keys that say which of several equal runs it is, not what it does. */
const IDENTITY: ReadonlySet<string> = new Set(['training.seed', 'training.tensorboard', 'output']);

/** Finished runs that differ in training.seed alone, one of each seed. */
export interface SeedGroup {
  name: string;
  /** Numbers of the runs. */
  runs: number[];
}

/** What the names of runs begin with, without the seed's number and the word that leads to it. */
const commonName = (names: readonly string[]): string => {
  const [first = ''] = names;
  const spelt = names.map((name) => [...name]);
  const characters = [...first];
  const differing = characters.findIndex((character, i) => spelt.some((other) => other[i] !== character));
  const shared = differing < 0 ? first : characters.slice(0, differing).join('');
  const cutsNumber = names.some((name) => /\d/.test(name[shared.length] ?? ''));
  const whole = cutsNumber ? shared.replace(/\d+$/, '') : shared;
  return whole.replace(/([-_. /]+s|[-_. /]*seed)?[-_. =/]*$/i, '') || `${first} and others`;
};

/** The groups of two or more such runs. */
export const seedGroups = (runs: readonly Pick<RunRecord, 'name' | 'config' | 'status'>[]): SeedGroup[] => {
  const groups = new Map<string, Map<string | undefined, number>>();
  for (const [i, { config, status }] of runs.entries()) {
    if (config.size === 0 || status !== 'finished') continue;
    const settings = JSON.stringify([...config].filter(([key]) => !IDENTITY.has(key)).sort());
    const bySeed = groups.get(settings) ?? new Map();
    const seed = config.get('training.seed');
    groups.set(settings, bySeed.set(seed, bySeed.get(seed) ?? i));
  }
  return [...groups.values()]
    .filter((bySeed) => bySeed.size > 1)
    .map((bySeed) => [...bySeed.values()])
    .map((members) => ({ name: commonName(members.map((i) => runs[i]?.name ?? '')), runs: members }));
};

/** The colour of each run: its own, or that of the first of its group, and in each run's label the group's name, once. */
export const runStyles = (
  runs: readonly Pick<RunRecord, 'name'>[],
  groups: readonly SeedGroup[],
): { color: number; label: string }[] => {
  const styles: { color: number; label: string }[] = [];
  let colors = 0;
  for (const [i, { name }] of runs.entries()) {
    const group = groups.find((one) => one.runs.includes(i));
    const first = group && styles[Math.min(...group.runs)];
    styles.push(first ? { color: first.color, label: '' } : { color: colors++, label: group?.name ?? name });
  }
  return styles;
};

/** The ends of paths that tell them apart: as few of their parts as do. */
export const distinctNames = (paths: readonly string[]): string[] => {
  const parts = paths.map((path) => path.split(/[\\/]/).filter(Boolean));
  const end = (i: number, depth: number) => parts[i]?.slice(-depth).join('/') ?? '';
  return paths.map((path, i) => {
    for (let depth = 1; depth <= (parts[i]?.length ?? 0); depth++) {
      if (paths.every((_, j) => j === i || end(j, depth) !== end(i, depth))) return end(i, depth);
    }
    return path;
  });
};

/** A file of a set of shards: `data/train-00000-of-00002.parquet`, also with a hash behind the numbers. */
const SHARD = /^(.*?)(?<!\d)(\d{3,6})-of-(\d{3,6})(-[0-9a-f]{16})?(\.[^/]*)?$/;

/** Files of a set of shards that are there. */
interface ShardSet {
  total: number;
  numbers: Set<number>;
  nameOf: (number: number) => string;
}

const setsOf = (paths: readonly string[]): ShardSet[] => {
  const sets = new Map<string, ShardSet>();
  for (const path of paths) {
    const found = SHARD.exec(path);
    if (!found) continue;
    const [, before, number, total, hash, ending = ''] = found as unknown as [
      string,
      string,
      string,
      string,
      string?,
      string?,
    ];
    // The hash is another for each shard: that of one that is not there is not known.
    const after = `-of-${total}${hash === undefined ? '' : '-*'}${ending}`;
    const nameOf = (each: number) => `${before}${String(each).padStart(number.length, '0')}${after}`;
    const set = sets.get(before + after) ?? { total: Number(total), numbers: new Set(), nameOf };
    sets.set(before + after, set);
    set.numbers.add(Number(number));
  }
  return [...sets.values()];
};

/**
 * Gives the shards that are not among files, and that the names of the others tell of.
 *
 * @param first number that sets begin at where their files do not say: 0 or 1
 */
export const missingShards = (paths: readonly string[], first: 0 | 1): string[] =>
  setsOf(paths).flatMap(({ total, numbers, nameOf }) => {
    const from = numbers.has(0) ? 0 : numbers.has(total) ? 1 : first;
    const all = Array.from({ length: total }, (_, i) => from + i);
    return all.filter((number) => !numbers.has(number)).map(nameOf);
  });

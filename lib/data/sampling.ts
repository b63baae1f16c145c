import { rangeError, typeError, ZestError } from '../errors.ts';
import { withoutMoreOptions, withoutOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';

const MASK = (1n << 64n) - 1n;
const WORD = 2 ** 32;

const mix = (value: bigint): bigint => {
  let z = value;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
};

/**
 * SplitMix64 (Steele, Lea and Flood 2014): 64 random bits a call, from integer arithmetic alone. `seed` is taken modulo
 * 2⁶⁴.
 */
export const splitMix64 = (seed: bigint): (() => bigint) => {
  let state = seed & MASK;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    return mix(state);
  };
};

const checkedSeed = (seed: bigint | number): bigint => {
  const isSeed =
    typeof seed === 'number'
      ? Number.isSafeInteger(seed) && seed >= 0
      : typeof seed === 'bigint' && seed >= 0n && seed <= MASK;
  if (isSeed) return BigInt(seed);
  throw rangeError('ERR_ZEST_OPTION', `seed is ${show(seed)}; expected a safe integer ≥ 0 or a bigint below 2⁶⁴`);
};

/** What a seed is used for; each use has random numbers of its own. Epoch e of the batches is BATCHES + e. */
const SHOTS = 0n;
const NOISE = 1n;
const BATCHES = 2n;
const HELD_OUT = -1n;
const SAMPLE = -2n;
const DEMONSTRATIONS = -3n;
const USES = { shots: SHOTS, heldOut: HELD_OUT, demonstrations: DEMONSTRATIONS };

const randomBits = (seed: bigint, use: bigint): (() => bigint) => splitMix64(splitMix64(seed)() + use);

/**
 * A uniform integer of [0, bound), 1 ≤ bound ≤ 2³²: the upper 32 bits, drawn again where the bounds would not divide
 * them evenly.
 */
const below = (bound: number, bits: () => bigint): number => {
  const limit = WORD - (WORD % bound);
  for (;;) {
    const word = Number(bits() >> 32n);
    if (word < limit) return word % bound;
  }
};

/** `count` of the items, without replacement, in random order (Fisher and Yates). */
const draw = <T>(items: readonly T[], count: number, bits: () => bigint): T[] => {
  const rest = [...items];
  for (let i = 0; i < count; i++) {
    const j = i + below(rest.length - i, bits);
    [rest[i], rest[j]] = [rest[j]!, rest[i]!];
  }
  return rest.slice(0, count);
};

const ascending = (a: number, b: number): number => a - b;
const indexes = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Most rows that are shuffled: 4 bytes each, in two orders. */
const MOST_ROWS = 2 ** 28;

/** All rows in random order, as {@link draw} gives them. */
const shuffled = (rows: number, bits: () => bigint): Uint32Array => {
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  for (let i = 0; i < rows; i++) {
    const j = i + below(rows - i, bits);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
};

const positive = (name: string, value: number): void => {
  if (typeof value !== 'number')
    throw typeError('ERR_ZEST_OPTION', `${name} is ${show(value)}; expected a whole number ≥ 1`);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw rangeError('ERR_ZEST_OPTION', `${name} is ${value}; expected a whole number ≥ 1`);
  }
};

/**
 * Draws `shots` rows of each class without replacement, and gives their indexes in ascending order.
 *
 * @param labels the class of each row, 0 … names.length − 1
 * @param options `names`: the classes' names
 * @throws ERR_ZEST_SHOTS naming the class with fewer rows, and how many it has
 */
export const sampleShots = (
  labels: readonly number[],
  options: { names: readonly string[]; shots: number; seed: bigint | number },
): number[] => {
  const { names, shots } = options;
  positive('shots', shots);
  const bits = randomBits(checkedSeed(options.seed), SHOTS);
  const rows: number[][] = names.map(() => []);
  for (const [row, label] of labels.entries()) rows[label]!.push(row);
  return rows
    .flatMap((ofClass, label) => {
      if (ofClass.length >= shots) return draw(ofClass, shots, bits);
      throw new ZestError(
        'ERR_ZEST_SHOTS',
        `shots: ${shots} rows of each class were asked for, and class ${label} (${names[label]}) has ${ofClass.length}`,
      );
    })
    .sort(ascending);
};

/**
 * Draws round(share·n) rows of each class with n rows, without replacement, and gives their indexes in ascending order.
 *
 * @param labels the class of each row, 0 … classes − 1
 */
export const holdOut = (
  labels: readonly number[],
  options: { classes: number; share: number; seed: bigint | number },
): number[] => {
  const { classes, share } = options;
  const bits = randomBits(checkedSeed(options.seed), HELD_OUT);
  const rows: number[][] = Array.from({ length: classes }, () => []);
  for (const [row, label] of labels.entries()) rows[label]!.push(row);
  return rows.flatMap((ofClass) => draw(ofClass, Math.round(share * ofClass.length), bits)).sort(ascending);
};

/** A uniform draw, without replacement, from items that come one after another. */
export interface Reservoir<T> {
  /** Takes the next item; it is made where it is kept. */
  offer(make: () => T): void;
  /** Gives those kept, in the order in which they came. */
  items(): T[];
}

/** Keeps `count` of the items that are offered, or all of fewer (Vitter's algorithm R); which, depends on the seed alone. */
export const reservoir = <T>(count: number, seed: bigint | number): Reservoir<T> => {
  positive('sample', count);
  const bits = randomBits(checkedSeed(seed), SAMPLE);
  const kept: { item: T; at: number }[] = [];
  let offered = 0;
  return {
    offer(make) {
      const at = offered++;
      const place = at < count ? at : below(offered, bits);
      if (place < count) kept[place] = { item: make(), at };
    },
    items: () => kept.toSorted((a, b) => a.at - b.at).map(({ item }) => item),
  };
};

/**
 * Copies the labels, with round(share·n) of them, rows chosen without replacement, drawn anew, uniformly over all
 * classes. A drawn label may be the old one, so with c classes share·(c − 1)/c of the labels are wrong on average.
 */
export const withLabelNoise = (
  labels: readonly number[],
  options: { classes: number; share: number; seed: bigint | number },
): number[] => {
  const { classes, share } = options;
  positive('classes', classes);
  if (!(share >= 0 && share <= 1)) {
    throw rangeError('ERR_ZEST_OPTION', `labelNoise is ${share}; expected a share from 0 to 1`);
  }
  const bits = randomBits(checkedSeed(options.seed), NOISE);
  const noisy = [...labels];
  for (const row of draw(indexes(labels.length), Math.round(share * labels.length), bits))
    noisy[row] = below(classes, bits);
  return noisy;
};

/** Draws `count` of some rows, without replacement, and gives their indexes in ascending order. */
export const drawRows = (
  rows: number,
  { count, seed, use }: { count: number; seed: bigint | number; use: keyof typeof USES },
): number[] => draw(indexes(rows), count, randomBits(checkedSeed(seed), USES[use])).sort(ascending);

/** Batches of row indexes without end. */
export interface ShuffledBatches extends Iterable<number[]> {
  /** Number of rows in each batch. */
  readonly size: number;
  /** Gives the batch of a step, counted from 0; the iterator gives those of 0, 1, 2, … */
  batch(step: number): number[];
}

/**
 * Cuts an endless series of epochs into batches: each epoch is all rows in an order of its own, and a batch may end one
 * epoch and begin the next. No batch has more than `rows` indexes. A batch depends only on the arguments and its step.
 *
 * @example
 * import { shuffledBatches } from 'node-zest';
 * const batches = shuffledBatches(5, 2, 1);
 * console.log(batches.batch(0), batches.batch(1), batches.batch(2)); // [ 4, 0 ] [ 3, 1 ] [ 2, 1 ]
 *
 * @throws ERR_ZEST_BATCH_EMPTY without rows, ERR_ZEST_OPTION for the arguments; `batch` ERR_ZEST_ARGUMENT for its step
 * @function
 */
export const shuffledBatches = withoutOptions(
  (rows: number, batchSize: number, seed: bigint | number): ShuffledBatches => {
    if (rows === 0) throw rangeError('ERR_ZEST_BATCH_EMPTY', 'there are no rows to make batches of');
    positive('rows', rows);
    if (rows > MOST_ROWS)
      throw rangeError('ERR_ZEST_OPTION', `rows is ${rows}; expected a whole number from 1 to 2^28`);
    positive('batchSize', batchSize);
    const checked = checkedSeed(seed);
    const size = Math.min(batchSize, rows);
    let orders = new Map<number, Uint32Array>();
    const order = (epoch: number): Uint32Array => {
      const known = orders.get(epoch);
      if (known) return known;
      const made = shuffled(rows, randomBits(checked, BATCHES + BigInt(epoch)));
      orders = new Map([...orders].slice(-1)).set(epoch, made);
      return made;
    };
    const batch = (step: number): number[] => {
      const first = typeof step === 'number' ? step * size : Number.NaN;
      if (!Number.isSafeInteger(step) || step < 0 || !Number.isSafeInteger(first + size)) {
        throw rangeError('ERR_ZEST_ARGUMENT', `step is ${show(step)}; expected a whole number ≥ 0`);
      }
      const epoch = Math.floor(first / rows);
      const from = first - epoch * rows;
      const chosen = Array.from(order(epoch).subarray(from, from + size));
      return chosen.length === size
        ? chosen
        : chosen.concat(Array.from(order(epoch + 1).subarray(0, size - chosen.length)));
    };
    return withoutMoreOptions({
      size,
      batch,
      *[Symbol.iterator]() {
        for (let step = 0; ; step++) yield batch(step);
      },
    });
  },
);

/** So many items at equal distances, all if there are fewer. */
export const spaced = <T>(items: readonly T[], count: number): T[] =>
  count >= items.length
    ? [...items]
    : Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);

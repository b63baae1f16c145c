import { type ErrorCode, rangeError, typeError, ZestError } from '../errors.ts';
import type { NativeDirections, NativePoints, NativeUpdate } from '../native/binding.ts';
import { native } from '../native/load.ts';
import { isNameOf, NAMES } from '../native/names.ts';
import type { Directions, Displacement, Perturbation, Point, Update } from '../objective.ts';
import { assertKnown } from '../options/check.ts';
import { checkedList, readArgument } from '../options/reading.ts';
import { checkedSeed } from '../options/seed.ts';
import { show } from '../text/show.ts';

// Checked values of the public types in the shape of the native contract.

/** Number of streams that callers may name; those above are the engine's. */
const STREAMS = 2n ** 63n;
/** First of the streams that measurements draw: no run comes to it. */
export const MEASURING_STREAM = 2n ** 62n;
/** Names of the laws that take no rank. */
const LAWS = NAMES.law.filter((law) => law !== 'lowRank');

/**
 * Checks a stream.
 *
 * @throws ERR_ZEST_STREAM naming the argument that it came in, `name`
 */
export const checkedStream = (value: unknown, name: string): bigint => {
  if (typeof value !== 'bigint') throw typeError('ERR_ZEST_STREAM', `${name} is ${show(value)}; expected a bigint`);
  if (value >= 0n && value < STREAMS) return value;
  throw rangeError('ERR_ZEST_STREAM', `${name} is ${value}; expected 0 ≤ stream < 2^63`);
};

const unsupportedCurvature = (fault: string) =>
  new ZestError('ERR_ZEST_UNSUPPORTED', `${fault}: this objective keeps no curvature; a vectorObjective does`);

const KEYS = ['seed', 'law', 'metric'];
const LAW_KEYS = ['lowRank', 'keep', 'core'];

/**
 * Checks directions, and gives them in the shape of the native contract.
 *
 * @throws ERR_ZEST_DIRECTIONS for a seed or a law that is none
 */
export const nativeDirections = (directions: Directions): NativeDirections =>
  readArgument('directions', () => readDirections(directions));

const readDirections = (directions: Directions): NativeDirections => {
  if (typeof directions !== 'object' || directions === null) {
    throw typeError('ERR_ZEST_DIRECTIONS', `directions is ${show(directions)}; expected { seed, law }`);
  }
  assertKnown(directions, KEYS, 'directions');
  const { law, metric } = directions;
  if (metric !== undefined) throw unsupportedCurvature(`directions.metric is ${show(metric)}; expected none`);
  const seed = checkedSeed(directions.seed);
  const plain = LAWS.find((name) => name === law);
  if (plain) return { seed, law: plain, rank: 0 };
  if (typeof law === 'object' && law !== null && !Array.isArray(law)) assertKnown(law, LAW_KEYS, 'law');
  if (typeof law !== 'object' || law === null || law.lowRank === undefined) {
    throw typeError('ERR_ZEST_DIRECTIONS', `law is ${show(law)}; expected ${LAWS.join(', ')} or { lowRank }`);
  }
  const { lowRank: rank, keep = 1, core = false } = law;
  const whole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;
  const most = native().limits.rank;
  if (!whole(rank) || rank > most) {
    throw rangeError('ERR_ZEST_DIRECTIONS', `law.lowRank is ${show(rank)}; expected a whole number from 1 to ${most}`);
  }
  if (!whole(keep))
    throw rangeError('ERR_ZEST_DIRECTIONS', `law.keep is ${show(keep)}; expected a whole number of streams ≥ 1`);
  if (typeof core !== 'boolean')
    throw typeError('ERR_ZEST_DIRECTIONS', `law.core is ${show(core)}; expected true or false`);
  return { seed, law: 'lowRank', rank, keep: BigInt(keep), core };
};

/** Checks a vector of finite numbers, one a parameter. */
const checkedVector = (value: unknown, name: string, dimension: number, code: ErrorCode): Float64Array => {
  const each = (x: unknown, place: string) => {
    if (typeof x === 'number' && Number.isFinite(x)) return x;
    throw rangeError(code, `${place} is ${show(x)}; expected a finite number`);
  };
  const list = checkedList(value, { name, code, expected: `a Float64Array of ${dimension} values`, each });
  if (list.length === dimension) return Float64Array.from(list);
  throw rangeError(code, `${name} has ${list.length} values; expected ${dimension}, one a parameter`);
};

const checkedScale = (value: unknown, place: string): number => {
  const scale = typeof value === 'number' ? Math.fround(value) : Number.NaN;
  if (Number.isFinite(scale)) return scale;
  throw rangeError('ERR_ZEST_POINT', `${place}.scale is ${show(value)}; expected a number that float32 can hold`);
};

/** Calls `check` with each term of a point and its name. */
const termsOf = <T>(point: Point, name: string, check: (term: Perturbation | Displacement, place: string) => T): T[] =>
  readArgument(name, () =>
    Array.from(Array.isArray(point) ? point : [point], (term, i) => {
      if (typeof term !== 'object' || term === null) {
        throw typeError('ERR_ZEST_POINT', `${name} is ${show(point)}; expected { stream, scale } or an array of them`);
      }
      return check(term, Array.isArray(point) ? `${name}[${i}]` : name);
    }),
  );

/**
 * Checks the terms of a point, which are streams, and rounds their scales to float32.
 *
 * @throws ERR_ZEST_POINT or ERR_ZEST_STREAM
 */
export const checkedTerms = (point: Point, name: string): Perturbation[] =>
  termsOf(point, name, (term, place) => {
    if ('vector' in term)
      throw typeError(
        'ERR_ZEST_POINT',
        `${place} is along a vector; expected a stream: this objective has no gradient`,
      );
    const scale = checkedScale(term.scale, place);
    return { stream: checkedStream(term.stream, `${place}.stream`), scale };
  });

/**
 * Checks the terms of a point, which are streams and vectors of that length. The scale of a vector stays in float64.
 *
 * @throws ERR_ZEST_POINT or ERR_ZEST_STREAM
 */
export const checkedVectorTerms = (point: Point, name: string, dimension: number): (Perturbation | Displacement)[] =>
  termsOf(point, name, (term, place) => {
    checkedScale(term.scale, place);
    if (!('vector' in term)) return checkedTerms(term, place)[0] as Perturbation;
    return { vector: checkedVector(term.vector, `${place}.vector`, dimension, 'ERR_ZEST_POINT'), scale: term.scale };
  });

/**
 * Checks the terms of every point.
 *
 * @throws what {@link checkedTerms} throws
 */
export const checkedPoints = (points: readonly Point[]): Perturbation[][] =>
  readArgument('points', () => {
    if (!Array.isArray(points))
      throw typeError('ERR_ZEST_POINT', `points is ${show(points)}; expected an array of points`);
    return Array.from(points, (point, p) => checkedTerms(point, `points[${p}]`));
  });

/** Points as the engine takes them. */
export const nativePoints = (points: readonly (readonly Perturbation[])[]): NativePoints => {
  const termStarts = new Int32Array(points.length + 1);
  for (const [p, { length }] of points.entries()) termStarts[p + 1] = termStarts[p]! + length;
  const terms = points.flat();
  return {
    termStarts,
    streams: BigUint64Array.from(terms, ({ stream }) => stream),
    scales: Float32Array.from(terms, ({ scale }) => scale),
  };
};

const float32 = (value: unknown, name: string): number => {
  const rounded = typeof value === 'number' ? Math.fround(value) : Number.NaN;
  if (Number.isFinite(rounded)) return rounded;
  throw rangeError('ERR_ZEST_UPDATE', `${name} is ${show(value)}; expected a number that float32 can hold`);
};

/** The numbers of each rule beside its rate. */
const RULES = { sign: [], momentum: ['beta'], adam: ['beta1', 'beta2', 'epsilon'] } as const;

const checkedRule = (rule: Update['rule']): Pick<NativeUpdate, 'rule' | 'rate' | 'beta1' | 'beta2' | 'epsilon'> => {
  if (rule === undefined) return { rule: 'plain' };
  const name: unknown = Object(rule).name;
  if (!isNameOf('rule', name) || name === 'plain') {
    const names = NAMES.rule.filter((other) => other !== 'plain').join(', ');
    throw typeError('ERR_ZEST_UPDATE', `update.rule.name is ${show(name)}; expected ${names}, or no rule`);
  }
  const numbers = { rate: 0, beta1: 0, beta2: 0, epsilon: 0 };
  for (const key of ['rate', ...RULES[name]]) {
    const value = float32((rule as unknown as Record<string, unknown>)[key], `update.rule.${key}`);
    const expected = key.startsWith('beta') ? '≥ 0 and < 1' : key === 'epsilon' ? '> 0' : '';
    const fits = key.startsWith('beta') ? value >= 0 && value < 1 : key !== 'epsilon' || value > 0;
    if (!fits) throw rangeError('ERR_ZEST_UPDATE', `update.rule.${key} is ${value}; expected a number ${expected}`);
    numbers[key === 'beta' ? 'beta1' : (key as keyof typeof numbers)] = value;
  }
  return { rule: name, ...numbers };
};

/**
 * Checks an update, and gives it in the shape of the native contract.
 *
 * @throws ERR_ZEST_UPDATE for values that float32 cannot hold, ERR_ZEST_STREAM for a stream out of range
 */
export const nativeUpdate = (update: Update): NativeUpdate => readArgument('update', () => readUpdate(update));

const readUpdate = (update: Update): NativeUpdate => {
  if (typeof update !== 'object' || update === null || !Array.isArray(update.terms)) {
    throw typeError('ERR_ZEST_UPDATE', `update is ${show(update)}; expected { decay, terms }`);
  }
  if (update.curvature !== undefined) throw unsupportedCurvature('update has a curvature; expected none');
  if (update.vector !== undefined)
    throw typeError('ERR_ZEST_UPDATE', 'update has a vector; expected terms alone: this objective has no gradient');
  const terms: Update['terms'] = update.terms;
  return {
    ...checkedRule(update.rule),
    decay: float32(update.decay, 'update.decay'),
    anchored: update.anchored === true,
    streams: BigUint64Array.from(terms, (term, i) => checkedStream(term?.stream, `update.terms[${i}].stream`)),
    coefficients: Float32Array.from(terms, (term, i) => float32(term?.coefficient, `update.terms[${i}].coefficient`)),
  };
};

/**
 * Checks an update as a log has it, and copies it; what it is to do beside its terms is the objective's to judge.
 *
 * @throws ERR_ZEST_UPDATE or ERR_ZEST_STREAM
 */
export const checkedLogged = <U extends Update & { losses?: readonly number[] }>(update: U): U =>
  readArgument('update', () => {
    const { losses, ...rest } = { ...Object(update) } as U;
    nativeUpdate({ decay: rest.decay, terms: rest.terms, rule: rest.rule });
    const each = (loss: unknown, name: string): number => {
      if (typeof loss === 'number') return loss;
      throw typeError('ERR_ZEST_UPDATE', `${name} is ${show(loss)}; expected a number`);
    };
    const list = { name: 'update.losses', code: 'ERR_ZEST_UPDATE', expected: 'a list of numbers', each } as const;
    return { ...rest, ...(losses !== undefined && { losses: checkedList(losses, list) }) } as unknown as U;
  });

/**
 * Checks an update that may have a vector of that length.
 *
 * @throws ERR_ZEST_UPDATE or ERR_ZEST_STREAM
 */
export const vectorUpdate = (
  update: Update,
  dimension: number,
): { update: NativeUpdate; vector: Float64Array | undefined } => {
  const { vector, ...others } = readArgument('update', () => ({ ...Object(update) })) as Update;
  return {
    update: nativeUpdate(others),
    vector: vector && checkedVector(vector, 'update.vector', dimension, 'ERR_ZEST_UPDATE'),
  };
};

/**
 * Refuses updates by a rule, and directions that keep factors, for objectives that do without.
 *
 * @throws ERR_ZEST_UNSUPPORTED
 */
export const assertPlain = (
  { rule, anchored }: Partial<NativeUpdate>,
  { keep = 1n, core }: Partial<NativeDirections>,
) => {
  const fault =
    (rule !== undefined && rule !== 'plain' && `update.rule is ${rule}; expected none`) ||
    (anchored && 'the decay of the update is towards the start; expected towards zero') ||
    ((keep > 1n || core) && 'law keeps factors; expected { lowRank } without keep and core');
  if (fault) throw new ZestError('ERR_ZEST_UNSUPPORTED', `${fault}: this objective has no more yet; models have`);
};

import { types } from 'node:util';
import fc from 'fast-check';

// Anything that a program without types may pass. Makers, since a value may be used up or keep what is done to it.

/** What getters and traps throw. */
export const MINE = 'thrown by the value itself';
const thrown = (): never => {
  throw new Error(MINE);
};
const everyTrap = {
  get: thrown,
  has: thrown,
  ownKeys: thrown,
  getPrototypeOf: thrown,
  getOwnPropertyDescriptor: thrown,
};
const revoked = (target: object): unknown => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};

const SCALARS: readonly unknown[] = [
  ...[undefined, null, true, false, Symbol('s'), Symbol.iterator],
  ...[0, -0, 1, 2, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, 5e-324],
  ...[0n, 1n, -1n, 2n ** 63n, 2n ** 64n],
  ...['', 'x', '\0', '\ud800', 'constructor', '__proto__', '/proc/none', 'sst2', 'zest'],
];

const OBJECTS: readonly (() => unknown)[] = [
  () => [],
  () => [undefined],
  () => [null],
  () => ['x', 1],
  () => [[]],
  () => new Array(3),
  () => new Array(1000),
  () => new Float32Array(3),
  () => new Float64Array([Number.NaN]),
  () => new Uint8Array(0),
  () => new BigUint64Array(2),
  () => new ArrayBuffer(8),
  () => ({}),
  () => Object.create(null),
  () => ({ a: 1 }),
  () => ({ length: 1e9 }),
  () => ({ length: 2 ** 53 - 1 }),
  () => ({ length: -1 }),
  () => ({ length: Number.NaN }),
  () => ({ length: 2, 0: 1, 1: 1 }),
  () => ({ toString: thrown, valueOf: thrown }),
  () => ({ [Symbol.for('nodejs.util.inspect.custom')]: thrown }),
  () => ({ [Symbol.iterator]: thrown }),
  () => ({ toJSON: thrown }),
  () => new Proxy({}, everyTrap),
  () => new Proxy([], everyTrap),
  () => new Proxy([], { get: (list, key) => (key === 'length' ? 1000 : Reflect.get(list, key)) }),
  () => revoked({}),
  () => revoked([]),
  () => () => 1,
  () => async () => undefined,
  () => class {},
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => new Date(Number.NaN),
  () => new Error('an error'),
  () => /x/,
  () => new AbortController(),
];

/** A wrong value, by what makes it. */
const wrongValue: fc.Arbitrary<() => unknown> = fc.oneof(
  fc.constantFrom(...SCALARS.map((value) => () => value)),
  fc.constantFrom(...OBJECTS),
);

/** Whether a value is a list or an object that the right arguments have, and no proxy. */
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !types.isProxy(value) &&
  [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value)) &&
  // What the library makes has accessors.
  Object.values(Object.getOwnPropertyDescriptors(value)).every((property) => 'value' in property);

/** The places of a value that another may be put in: itself, and what is within lists and plain objects. */
const placesOf = (value: unknown, depth = 4): string[][] => [
  [],
  ...(isPlain(value) && depth > 0
    ? Object.entries(value).flatMap(([key, inner]) => placesOf(inner, depth - 1).map((path) => [key, ...path]))
    : []),
];

/** How one value is put in a place: as it is, or behind a getter that throws. */
interface Change {
  place: number;
  value: () => unknown;
  getter: boolean;
}

const put = (value: unknown, path: readonly string[], change: Change): unknown => {
  const [key, ...rest] = path;
  if (key === undefined) return change.value();
  if (key === 'length' && Array.isArray(value)) return value; // no array has another value there
  // What the change before has put there.
  if (!isPlain(value) || Object.getOwnPropertyDescriptor(value, key)?.value === undefined) return value;
  const copy = Object.create(Object.getPrototypeOf(value), Object.getOwnPropertyDescriptors(value));
  const changed = rest.length === 0 && change.getter ? { get: thrown } : { value: put(value[key], rest, change) };
  return Object.defineProperty(Array.isArray(value) ? value.slice() : copy, key, { ...changed, enumerable: true });
};

/** What is made of the right arguments: some places changed, some arguments left out or added. */
export const wrongArguments = fc.record({
  changes: fc.array(
    fc.record({ place: fc.nat(), value: wrongValue, getter: fc.constantFrom(false, false, false, true) }),
    { minLength: 1, maxLength: 2 },
  ),
  dropped: fc.constantFrom(0, 0, 0, 0, 1, 2),
  added: fc.array(wrongValue, { maxLength: 1 }),
});
export type Wrong = typeof wrongArguments extends fc.Arbitrary<infer T> ? T : never;

/** Makes wrong arguments of right ones. */
export const made = (right: readonly unknown[], { changes, dropped, added }: Wrong): unknown[] => {
  const places = placesOf(right).slice(1);
  let args: unknown = right;
  for (const change of changes) {
    const path = places[change.place % Math.max(1, places.length)];
    if (path) args = put(args, path, { ...change, getter: change.getter && path.length > 1 });
  }
  const list = args as unknown[];
  return [...list.slice(0, list.length - dropped), ...added.map((make) => make())];
};

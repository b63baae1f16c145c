import { type InspectOptions, inspect } from 'node:util';

/** A value as text, also one that throws where it is looked at. */
export const inspected = (value: unknown, options: InspectOptions): string => {
  try {
    return inspect(value, { ...options, breakLength: Number.POSITIVE_INFINITY });
  } catch {
    return `${Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`} that cannot be shown`;
  }
};

/** A value as an error's message quotes it: short, however large the value. */
export const show = (value: unknown): string => inspected(value, { depth: 1, maxArrayLength: 8, maxStringLength: 100 });

const LONGEST_NAME = 100;
const cut = (name: string): string => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name);

/** Names in a message: so many, 20 if nothing is said, and how many more there are. */
export const listed = (names: Iterable<string>, most = 20): string => {
  const all = [...names];
  const some = all.slice(0, most).map(cut).join(', ');
  return all.length > most ? `${some} and ${all.length - most} more` : some;
};

/** Writes 3448064 as 3,448,064. */
export const formatCount = (value: number): string => value.toLocaleString('en-US');

/** Writes 0.8125 as 81.3 %. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Writes 0.001234 as 0.0012: so many digits that count, and no zeros behind them. */
export const brief = (value: number, digits = 2): string => String(Number(value.toPrecision(digits)));

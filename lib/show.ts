import { inspect } from 'node:util';

/** A value as an error's message quotes it: short, however large the value. */
export const show = (value: unknown): string =>
  inspect(value, { depth: 1, maxArrayLength: 8, maxStringLength: 100, breakLength: Number.POSITIVE_INFINITY });

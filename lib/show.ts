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

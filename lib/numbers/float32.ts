/** The least number that float32 has with all its digits. */
const LEAST = 2 ** -126;

/** Whether a value is a number > 0 that float32, in which the engine computes, can hold. */
export const isPositiveFloat32 = (value: unknown): value is number =>
  typeof value === 'number' && value >= LEAST && Number.isFinite(Math.fround(value));

/** What {@link isPositiveFloat32} expects, for a message. */
export const POSITIVE_FLOAT32 = 'a number > 0 that float32 can hold';

/** Whether a value is a number of either sign, or 0, that float32 can hold. */
export const isFloat32 = (value: unknown): value is number =>
  value === 0 || (typeof value === 'number' && isPositiveFloat32(Math.abs(value)));

/** What {@link isFloat32} expects, for a message. */
export const FLOAT32 = 'a number that float32 can hold';

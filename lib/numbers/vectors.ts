export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** The length of a vector, however many values it has. */
export const norm = (a: Float64Array | readonly number[]): number =>
  (a as readonly number[]).reduce((length, value) => Math.hypot(length, value), 0);

export const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

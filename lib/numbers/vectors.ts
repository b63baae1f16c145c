export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** The length of a vector, however many values it has. */
export const norm = (a: ArrayLike<number>): number => {
  let length = 0;
  for (let i = 0; i < a.length; i++) length = Math.hypot(length, a[i]!);
  return length;
};

export const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

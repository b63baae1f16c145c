/** The largest float32, and the middle between it and 2¹²⁸: what is rounded to that is infinite. */
const LARGEST = 2 ** 128 - 2 ** 104;
const MIDDLE = 2 ** 128 - 2 ** 103;

/**
 * Computes a·b + c of float32 values, rounded once to float32, as the engine does. The product is exact in float64; a sum
 * that float64 rounded to the middle between two float32 goes to the side of the exact sum.
 */
export const fma32 = (a: number, b: number, c: number): number => {
  const product = a * b;
  const sum = product + c;
  const rounded = Math.fround(sum);
  const over = sum - rounded;
  const other = Math.abs(sum) === MIDDLE ? Math.sign(sum) * LARGEST : rounded + 2 * over;
  if (over === 0 || Math.fround(other) !== other) return rounded;
  const t = sum - product;
  const error = product - (sum - t) + (c - t); // exact (Knuth's two-sum)
  if (error === 0) return rounded;
  return error > 0 === other > rounded ? other : rounded;
};

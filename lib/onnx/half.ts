// Numbers of 16 bits. Rounding is to nearest, ties to even, as onnxruntime's Cast does it.

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

const roundedToEven = (value: number): number => {
  const below = Math.floor(value);
  const rest = value - below;
  return below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
};

/** The bits of a number as float16. */
export const halfBits = (value: number): number => {
  floats[0] = value;
  const all = bits[0] as number;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and above
  if (magnitude < 0x38800000) return sign | roundedToEven(Math.abs(floats[0] as number) * 2 ** 24); // below 2⁻¹⁴
  return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
};

/** The number that bits of float16 are. */
export const halfValue = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

/** The bits of a number as bfloat16. */
export const bfloatBits = (value: number): number => {
  floats[0] = value;
  const all = bits[0] as number;
  if ((all & 0x7fffffff) > 0x7f800000) return (all >>> 16) | 0x40; // NaN
  return (all + 0x7fff + ((all >>> 16) & 1)) >>> 16;
};

/** The number that bits of bfloat16 are. */
export const bfloatValue = (bfloat: number): number => {
  bits[0] = (bfloat << 16) >>> 0;
  return floats[0] as number;
};

/** How numbers of 16 bits are read and written, by the name of their type. */
export const HALVES = {
  float16: { value: halfValue, bits: halfBits },
  bfloat16: { value: bfloatValue, bits: bfloatBits },
} as const;

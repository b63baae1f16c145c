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
  const all = bits[0]!;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and above
  if (magnitude < 0x38800000) return sign | roundedToEven(Math.abs(floats[0]!) * 2 ** 24); // below 2⁻¹⁴
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
  const all = bits[0]!;
  if ((all & 0x7fffffff) > 0x7f800000) return (all >>> 16) | 0x40; // NaN
  return (all + 0x7fff + ((all >>> 16) & 1)) >>> 16;
};

/** The number that bits of bfloat16 are. */
export const bfloatValue = (bfloat: number): number => {
  bits[0] = (bfloat << 16) >>> 0;
  return floats[0]!;
};

/**
 * How numbers of 16 bits are read and written, by the name of their type. From the magnitude `least` to below `end`, as bits
 * of a float32, they are float32 without its last bits, as many as `lacks`.
 */
export const HALVES = {
  float16: { value: halfValue, bits: halfBits, lacks: 13, least: 0x38800000, end: 0x477ff000 },
  bfloat16: { value: bfloatValue, bits: bfloatBits, lacks: 16, least: 0, end: 0x7f800000 },
} as const;

/** Rounds values in place to what a type of 16 bits holds: to `value(bits(…))`, in a tenth of the time. */
export const roundValues = (values: Float32Array, type: keyof typeof HALVES): void => {
  const { value, bits: bitsOf, lacks, least, end } = HALVES[type];
  const all = new Int32Array(values.buffer, values.byteOffset, values.length);
  const belowTie = (1 << (lacks - 1)) - 1;
  for (let i = 0; i < all.length; i++) {
    const own = all[i]!;
    const magnitude = own & 0x7fffffff;
    if (magnitude >= least && magnitude < end) all[i] = ((own + belowTie + ((own >>> lacks) & 1)) >> lacks) << lacks;
    else values[i] = value(bitsOf(values[i]!));
  }
};

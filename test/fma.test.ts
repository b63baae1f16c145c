import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fma32 as ofLibrary } from '../lib/objectives/fused-multiply-add.ts';
import { fma32 as ofTests } from './fixtures/fma.ts';

/** A finite float32 as mantissa·2^exponent. */
const parts = (x: number): [mantissa: bigint, exponent: number] => {
  const bits = new Uint32Array(Float32Array.of(x).buffer)[0] as number;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = BigInt(exponent === 0 ? bits & 0x7fffff : (bits & 0x7fffff) | 0x800000);
  return [bits >>> 31 ? -mantissa : mantissa, Math.max(exponent, 1) - 150];
};

/** a·b + c in whole numbers, rounded to nearest even. */
const exact = (a: number, b: number, c: number): number => {
  const [ma, ea] = parts(a);
  const [mb, eb] = parts(b);
  const [mc, ec] = parts(c);
  const exponent = Math.min(ea + eb, ec);
  const sum = ma * mb * 2n ** BigInt(ea + eb - exponent) + mc * 2n ** BigInt(ec - exponent);
  const size = sum < 0n ? -sum : sum;
  const drop = Math.max(size.toString(2).length - 24, -149 - exponent, 0);
  const unit = 2n ** BigInt(drop);
  const rest = (size % unit) * 2n;
  let kept = size / unit;
  if (rest > unit || (rest === unit && kept % 2n === 1n)) kept += 1n;
  const rounded = Number(kept) * 2 ** (exponent + drop + 200) * 2 ** -200;
  return sum < 0n ? -rounded : rounded;
};

describe.each([
  ['the library', ofLibrary],
  ['the tests', ofTests],
])('fma32 of %s', (_, fma32) => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 40), max: 2 ** 40 });
  it('rounds once', () => {
    fc.assert(
      fc.property(float, float, float, (a, b, c) => {
        expect(fma32(a, b, c) === exact(a, b, c)).toBe(true); // either zero
      }),
      { numRuns: 20_000 },
    );
  });

  it('is the largest float32 where float64 rounds to the middle beyond it', () => {
    const largest = (2 - 2 ** -23) * 2 ** 127;
    const [x, y] = [(1 + 2 ** -23) * 2 ** 50, (1 - 2 ** -23) * 2 ** 53];
    expect(Math.fround(x * y + largest)).toBe(Number.POSITIVE_INFINITY);
    expect(fma32(x, y, largest)).toBe(largest);
    expect(fma32(-x, y, -largest)).toBe(-largest);
    // At the middle, and beyond.
    expect(fma32(2 ** 50, 2 ** 53, largest)).toBe(Number.POSITIVE_INFINITY);
    expect(fma32(-x, 2 ** 53, -largest)).toBe(Number.NEGATIVE_INFINITY);
    expect(fma32(largest, largest, -largest)).toBe(Number.POSITIVE_INFINITY);
    expect(fma32(Number.POSITIVE_INFINITY, 1, 1)).toBe(Number.POSITIVE_INFINITY);
    expect(fma32(Number.POSITIVE_INFINITY, 0, 1)).toBeNaN();
  });

  it('rounds once where rounding twice would differ', () => {
    // x·y + z lies below the middle of two float32 values by less than float64 can say at 1.
    const z = 1 + 2 ** -23;
    for (let i = 1; i < 300; i++) {
      const [x, y] = [1 + i * 2 ** -23, 2 ** -24 * (1 - i * 2 ** -23)];
      expect(fma32(x, y, z)).toBe(z);
      expect(exact(x, y, z)).toBe(z);
      expect(Math.fround(x * y + z)).toBe(1 + 2 ** -22);
    }
  });
});

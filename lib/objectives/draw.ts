import type { NativeDirections } from '../native/binding.ts';
import { fma32 } from './fused-multiply-add.ts';
import { noise } from './noise.ts';
import { span, type Tensor } from './tensors.ts';

// Directions of named tensors, from the engine's noise; docs/noise.md has the laws.

/** Values of noise that are made at a time. */
const MOST_VALUES = 2 ** 20;
const UNIT = 2 ** 24;

interface Draw extends NativeDirections {
  stream: bigint;
}

/** What the values of each law are drawn as. */
const DRAWN_AS: Record<NativeDirections['law'], 'gaussian' | 'rademacher'> = {
  gaussian: 'gaussian',
  sphere: 'gaussian',
  lowRank: 'gaussian',
  rademacher: 'rademacher',
};

/** The noise of rows × columns from an address on. */
const block = (
  { seed, stream, law }: Draw,
  { base, rows, columns }: { base: number; rows: number; columns: number },
): Float32Array => {
  const width = span(columns);
  const values = new Float32Array(rows * columns);
  const rowsAtOnce = Math.max(1, Math.floor(MOST_VALUES / width));
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    const made = noise({
      seed,
      stream,
      offset: base + row * width,
      length: (count - 1) * width + columns,
      law: DRAWN_AS[law],
    });
    for (let i = 0; i < count; i++) {
      values.set(made.subarray(i * width, i * width + columns), (row + i) * columns);
    }
  }
  return values;
};

/** round(z·z·2²⁴), ties to even. */
const fixedPoint = (z: number): number => {
  const square = Math.fround(z * z) * UNIT;
  const rounded = Math.round(square);
  return rounded - square === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
};

/** Scales Gaussian values in place to the sphere of radius √d. */
const toSphere = (parts: readonly Float32Array[]): void => {
  let squares = 0n;
  let dimension = 0;
  for (const part of parts) {
    dimension += part.length;
    // Exact: 2²⁰ values of at most 34 · 2²⁴.
    for (let from = 0; from < part.length; from += MOST_VALUES) {
      squares += BigInt(part.subarray(from, from + MOST_VALUES).reduce((sum, z) => sum + fixedPoint(z), 0));
    }
  }
  const mean = Number(squares > 1n ? squares : 1n) / UNIT;
  const radius = Math.fround(Math.sqrt(dimension / mean));
  for (const part of parts) for (let j = 0; j < part.length; j++) part[j] = radius * part[j]!;
};

/** A·Bᵀ/√r. */
const lowRank = (draw: Draw, { rows, columns, factors }: Required<Pick<Tensor, 'rows' | 'columns' | 'factors'>>) => {
  const { rank } = draw;
  const a = block(draw, { base: factors.a, rows, columns: rank });
  const b = block(draw, { base: factors.b, rows: columns, columns: rank });
  const scale = Math.fround(1 / Math.sqrt(rank));
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let q = 0; q < rank; q++) sum = fma32(a[i * rank + q]!, b[j * rank + q]!, sum);
      values[i * columns + j] = scale * sum;
    }
  }
  return values;
};

/** Draws v(stream) of some tensors, all that are trained: one array a tensor. */
export const drawDirection = (tensors: readonly Tensor[], draw: Draw): Float32Array[] => {
  const parts = tensors.map(({ factors, ...tensor }) =>
    draw.law === 'lowRank' && factors ? lowRank(draw, { ...tensor, factors }) : block(draw, tensor),
  );
  if (draw.law === 'sphere') toSphere(parts);
  return parts;
};

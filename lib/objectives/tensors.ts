import { types } from 'node:util';
import { rangeError, typeError } from '../errors.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { byUtf8 } from '../text/utf8-order.ts';
import { MOST_VALUES } from './noise.ts';

/** A named tensor of a {@link blackBox}. */
export interface TensorSpec {
  /** Sizes of its dimensions; `[]` is a single number. */
  shape: readonly number[];
  /** Values at the start, in row-major order; they are copied. Default: zeros. */
  data?: Float32Array;
  /**
   * Whether it is handed on as it is, and not trained. It keeps its place in the canonical order, so that the noise of the
   * others is the same either way. Default false.
   */
  frozen?: boolean;
  /** Whether weight decay shrinks it: models leave biases and norms out. Default true. */
  decays?: boolean;
}

/** A tensor as {@link blackBox} takes it: a shape, which starts at zeros, the values of a vector, or both and more. */
export type Parameter = readonly number[] | Float32Array | TensorSpec;

/** A tensor with its values and its place in the noise. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The first dimension, and the others together; a vector is one row. */
  readonly rows: number;
  readonly columns: number;
  readonly isMatrix: boolean;
  readonly frozen: boolean;
  readonly decays: boolean;
  /** Address of its first element. */
  readonly base: number;
  /** Addresses of the factors of its low-rank directions; a vector has none. */
  readonly factors?: { readonly a: number; readonly b: number };
  readonly values: Float32Array;
}

/** Every row, of a factor too, takes a multiple of so many addresses. */
const ALIGNMENT = 128;

/** Number of addresses that a row takes. */
export const span = (columns: number): number => Math.ceil(columns / ALIGNMENT) * ALIGNMENT;

const KEYS = ['shape', 'data', 'frozen', 'decays'];

const checkedShape = (shape: unknown, name: string): number[] => {
  const wrong = () => typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(shape)}; expected a shape: whole numbers > 0`);
  if (!Array.isArray(shape)) throw wrong();
  return Array.from(shape, (size: unknown) => {
    if (Number.isSafeInteger(size) && (size as number) > 0) return size as number;
    throw wrong();
  });
};

const zeros = (size: number, place: string): Float32Array => {
  try {
    return new Float32Array(size);
  } catch (cause) {
    throw rangeError('ERR_ZEST_MEMORY', `${place} has ${size} values, which do not fit into memory`, { cause });
  }
};

const checkedFlag = (value: unknown, name: string): boolean => {
  if (typeof value === 'boolean') return value;
  throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(value)}; expected true or false`);
};

const checkedTensor = (name: string, given: unknown): Omit<Tensor, 'base' | 'factors'> => {
  const place = `parameters[${JSON.stringify(name)}]`;
  if (name === '__metadata__')
    throw rangeError('ERR_ZEST_ARGUMENT', `${place} has a name that safetensors files cannot hold; expected another`);
  if (types.isFloat32Array(given)) return checkedTensor(name, { shape: [given.length], data: given });
  if (Array.isArray(given)) return checkedTensor(name, { shape: given });
  if (typeof given !== 'object' || given === null || !('shape' in given)) {
    throw typeError(
      'ERR_ZEST_ARGUMENT',
      `${place} is ${show(given)}; expected a shape, a Float32Array, or {shape, data}`,
    );
  }
  const unknown = Object.keys(given).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw typeError('ERR_ZEST_ARGUMENT', `${place}.${unknown} is not known; expected one of ${KEYS.join(', ')}`);
  const { data, frozen = false, decays = true } = given as Partial<TensorSpec>;
  const shape = checkedShape(given.shape, Array.isArray(given) ? place : `${place}.shape`);
  const size = shape.reduce((product, length) => product * length, 1);
  if (data !== undefined && !types.isFloat32Array(data))
    throw typeError('ERR_ZEST_ARGUMENT', `${place}.data is ${show(data)}; expected a Float32Array`);
  if (data !== undefined && data.length !== size) {
    throw rangeError(
      'ERR_ZEST_ARGUMENT',
      `${place}.data has ${data.length} values; expected ${size}, as its shape says`,
    );
  }
  const bad = data?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (bad >= 0)
    throw rangeError('ERR_ZEST_ARGUMENT', `${place}.data[${bad}] is ${data?.[bad]}; expected a finite number`);
  const isMatrix = shape.length > 1;
  const rows = isMatrix ? shape[0]! : 1;
  const columns = size / rows;
  if (columns > MOST_VALUES) {
    const fault = `${place} has ${columns} values in a row; expected at most 2^30, as noise has, in a vector or a row`;
    throw rangeError('ERR_ZEST_ARGUMENT', fault);
  }
  return {
    name,
    shape,
    rows,
    columns,
    isMatrix,
    frozen: checkedFlag(frozen, `${place}.frozen`),
    decays: checkedFlag(decays, `${place}.decays`),
    values: data?.slice() ?? zeros(size, place),
  };
};

const byName = (a: { name: string }, b: { name: string }): number => byUtf8(a.name, b.name);

/**
 * Checks named tensors, and gives them in canonical order with their addresses (docs/noise.md).
 *
 * @throws ERR_ZEST_ARGUMENT naming the tensor
 */
export const placedTensors = (parameters: Readonly<Record<string, Parameter>>): Tensor[] => {
  if (
    typeof parameters !== 'object' ||
    parameters === null ||
    readArgument('parameters', () => Array.isArray(parameters))
  ) {
    throw typeError('ERR_ZEST_ARGUMENT', `parameters is ${show(parameters)}; expected tensors by name`);
  }
  const tensors = readArgument('parameters', () =>
    Object.entries(parameters).map(([name, given]) => checkedTensor(name, given)),
  );
  if (tensors.every(({ frozen }) => frozen)) {
    const found = tensors.length === 0 ? 'empty' : 'all frozen';
    throw rangeError('ERR_ZEST_ARGUMENT', `parameters are ${found}; expected at least one tensor to train`);
  }
  let end = 0;
  const place = ({ rows, columns }: { rows: number; columns: number }): number => {
    const base = end;
    end += rows * span(columns);
    return base;
  };
  const placed = tensors.sort(byName).map((tensor) => ({ ...tensor, base: place(tensor) }));
  const factors = placed
    .filter(({ isMatrix }) => isMatrix)
    .flatMap(({ name, rows, columns }) => [
      { name: `${name}#A`, rows, columns: 1 },
      { name: `${name}#B`, rows: columns, columns: 1 },
    ])
    .sort(byName);
  const factorAt = new Map(factors.map((factor) => [factor.name, place(factor)]));
  return placed.map((tensor) =>
    tensor.isMatrix
      ? { ...tensor, factors: { a: factorAt.get(`${tensor.name}#A`)!, b: factorAt.get(`${tensor.name}#B`)! } }
      : tensor,
  );
};

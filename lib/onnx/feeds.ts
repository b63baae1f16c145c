import { typeError } from '../errors.ts';
import { nearest } from '../options/nearest.ts';
import { isList } from '../options/reading.ts';
import { listed, show } from '../text/show.ts';
import { halfBits } from './half.ts';
import type { OnnxRuntime, OnnxTensor } from './runtime.ts';

/** Numbers as deep as a tensor has dimensions: `[[101, 2023, 102], [101, 2307, 102]]`. */
export type Nested = number | bigint | boolean | ArrayLike<number | bigint> | readonly Nested[];

/** What is fed to a model's inputs, by name: nested lists, or onnxruntime's tensors. */
export type Feeds = Readonly<Record<string, Nested | OnnxTensor>>;

/** An input of a model: its name, and the type of its elements. */
export interface ModelInput {
  name: string;
  type: string;
}

const integer = (value: unknown): bigint => BigInt(value as number);

/** How a list of elements becomes a tensor's data, by type. */
const DATA: Readonly<Record<string, (values: readonly unknown[]) => unknown>> = {
  float32: (values) => Float32Array.from(values, Number),
  float64: (values) => Float64Array.from(values, Number),
  float16: (values) => Uint16Array.from(values, (value) => halfBits(Number(value))),
  int64: (values) => BigInt64Array.from(values, integer),
  uint64: (values) => BigUint64Array.from(values, integer),
  int32: (values) => Int32Array.from(values, Number),
  uint32: (values) => Uint32Array.from(values, Number),
  int16: (values) => Int16Array.from(values, Number),
  uint16: (values) => Uint16Array.from(values, Number),
  int8: (values) => Int8Array.from(values, Number),
  uint8: (values) => Uint8Array.from(values, Number),
  bool: (values) => Uint8Array.from(values, Number),
};

const bad = (what: string): TypeError => typeError('ERR_ZEST_BATCH', `inputs(batch) ${what}`);

const isTensor = (value: unknown): value is OnnxTensor =>
  typeof value === 'object' && value !== null && 'dims' in value && 'data' in value && 'type' in value;

/** The shape of nested lists, whose parts must be alike; their elements go to `elements`, in order. */
const flatten = (value: unknown, place: string, elements: unknown[]): number[] => {
  if (!isList(value)) {
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
      throw bad(`gave ${show(value)} as ${place}; expected numbers, lists of them, or a tensor of onnxruntime`);
    }
    elements.push(value);
    return [];
  }
  let inner: number[] | undefined;
  for (let i = 0; i < value.length; i++) {
    const shape = flatten(value[i], `${place}[${i}]`, elements);
    inner ??= shape;
    if (String(shape) === String(inner)) continue;
    throw bad(`gave ${place}[${i}] of shape [${shape}]; expected [${inner}], as ${place}[0]: pad what is shorter`);
  }
  return [value.length, ...(inner ?? [])];
};

const tensorOf = ({ Tensor }: OnnxRuntime, { name, type }: ModelInput, value: unknown): OnnxTensor => {
  if (isTensor(value)) return value;
  const make = DATA[type];
  if (!make) throw bad(`gave ${show(value)} as ${name}, which is ${type}; expected a tensor of onnxruntime`);
  const elements: unknown[] = [];
  const shape = flatten(value, name, elements);
  const integers = !type.startsWith('float');
  const wrong = integers ? elements.findIndex((each) => typeof each === 'number' && !Number.isInteger(each)) : -1;
  if (wrong >= 0) throw bad(`gave ${name} the value ${elements[wrong]}; expected whole numbers, for it is ${type}`);
  return new Tensor(type as never, make(elements) as never, shape);
};

/**
 * Makes tensors of what a caller's `inputs` gave.
 *
 * @throws ERR_ZEST_BATCH for an input that is missing or unknown, and for values that make no tensor of its type
 */
export const tensorsOf = (
  runtime: OnnxRuntime,
  inputs: readonly ModelInput[],
  given: unknown,
): Record<string, OnnxTensor> => {
  const names = inputs.map(({ name }) => name);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw bad(`gave ${show(given)}; expected an object with ${listed(names)}`);
  }
  const feeds = given as Record<string, unknown>;
  for (const name of Object.keys(feeds)) {
    if (names.includes(name)) continue;
    const guess = nearest(name, names);
    const hint = guess === undefined ? `it has ${listed(names)}` : `did you mean '${guess}'?`;
    throw bad(`gave '${name}', which is no input of the model; ${hint}`);
  }
  const missing = names.find((name) => feeds[name] === undefined);
  if (missing !== undefined) throw bad(`gave no '${missing}'; expected all of ${listed(names)}`);
  return Object.fromEntries(inputs.map((input) => [input.name, tensorOf(runtime, input, feeds[input.name])]));
};

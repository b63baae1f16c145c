import { ZestError } from '../errors.ts';
import { isExternal, placeOf, readPlace, withoutValues } from './external.ts';
import { HALVES } from './half.ts';
import { badOnnx } from './model-file.ts';
import { type ElementType, elementName, elementNumber, TENSOR } from './proto.ts';
import {
  bytesAt,
  bytesField,
  bytesOf,
  fieldsNumbered,
  integerAt,
  integerField,
  integersAt,
  type Message,
  textAt,
  textField,
} from './wire.ts';

/** Types of weights that can be trained. */
export type FloatType = 'float32' | 'float16' | 'bfloat16';

const FLOATS: readonly string[] = ['float32', 'float16', 'bfloat16'] satisfies FloatType[];

/** A weight of a graph that can be trained. */
export interface Weight {
  /** Its name for callers. */
  name: string;
  /** Its name in the graph. */
  initializer: string;
  shape: number[];
  type: FloatType;
  tensor: Message;
}

export const shapeOf = (tensor: Message): number[] => integersAt(tensor, TENSOR.dims);

export const typeOf = (tensor: Message): string => elementName(integerAt(tensor, TENSOR.type) ?? 0);

/** Whether elements of that type can be trained. */
export const isFloatType = (type: string): type is FloatType => FLOATS.includes(type);

/**
 * A tensor of a graph as a weight under a name for callers.
 *
 * @throws ERR_ZEST_TENSOR_DTYPE for elements of another type
 */
export const weightOf = (name: string, tensor: Message, file: string): Weight => {
  const initializer = textAt(tensor, TENSOR.name) ?? '';
  const type = typeOf(tensor);
  if (isFloatType(type)) return { name, initializer, shape: shapeOf(tensor), type, tensor };
  const message = `${file}: weight '${name}' is ${type}; expected float32, float16 or bfloat16. Quantised models are trained with trainable: { lora }`;
  throw new ZestError('ERR_ZEST_TENSOR_DTYPE', message);
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** The stored bytes of a weight: raw, as a list of numbers, or in a file of their own. */
const storedBytes = async ({ tensor, type }: Weight, file: string): Promise<Uint8Array> => {
  if (isExternal(tensor)) {
    return readPlace(placeOf(tensor, file), file);
  }
  const raw = bytesAt(tensor, TENSOR.raw);
  if (raw) return raw;
  if (type !== 'float32') return Buffer.from(Uint16Array.from(integersAt(tensor, TENSOR.int32s)).buffer);
  // Little-endian as raw bytes are, in one piece or in many.
  const pieces = fieldsNumbered(tensor, TENSOR.floats);
  return Buffer.concat(pieces.map(({ content }) => (content instanceof Uint8Array ? content : bytesOf(content))));
};

/**
 * Reads the values of a weight.
 *
 * @throws ERR_ZEST_ONNX for values that are not as many as the shape says, ERR_ZEST_TENSOR_VALUE for NaN or an infinity;
 * what reading a file of values throws
 */
export const readValues = async (weight: Weight, file: string): Promise<Float32Array> => {
  const { name, shape, type } = weight;
  // A copy, which begins where numbers may.
  const bytes = new Uint8Array(await storedBytes(weight, file)).buffer;
  const size = sizeOf(shape);
  const width = type === 'float32' ? 4 : 2;
  if (bytes.byteLength !== size * width) {
    throw badOnnx(file, `weight '${name}' has ${bytes.byteLength} bytes, which is not what ${type} [${shape}] takes`);
  }
  const values =
    type === 'float32' ? new Float32Array(bytes) : Float32Array.from(new Uint16Array(bytes), HALVES[type].value);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return values;
  const message = `${file}: weight '${name}' is ${values[bad]} at ${bad}; expected finite numbers`;
  throw new ZestError('ERR_ZEST_TENSOR_VALUE', message);
};

const bytesOfValues = (values: Float32Array, type: FloatType): Uint8Array => {
  const stored = type === 'float32' ? values : Uint16Array.from(values, HALVES[type].bits);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength).slice();
};

/** The weight's tensor with other values. */
export const withValues = ({ tensor, type }: Weight, values: Float32Array): Message => [
  ...withoutValues(tensor),
  bytesField(TENSOR.raw, bytesOfValues(values, type)),
];

/** A tensor of a name and a shape. */
export const newTensor = (name: string, shape: readonly number[], type: ElementType, raw: Uint8Array): Message => [
  ...shape.map((size) => integerField(TENSOR.dims, size)),
  integerField(TENSOR.type, elementNumber(type)),
  textField(TENSOR.name, name),
  bytesField(TENSOR.raw, raw),
];

/** A tensor of float32 values. */
export const float32Tensor = (name: string, shape: readonly number[], values: Float32Array): Message =>
  newTensor(name, shape, 'float32', bytesOfValues(values, 'float32'));

import { ZestError } from '../errors.ts';
import type { NativeParameter } from '../native/binding.ts';
import { isNameOf } from '../native/names.ts';
import type { TensorEntry } from './safetensors.ts';

/** A tensor that is in no file but made from a seed: N(0, initialScale²), or zeros where that is 0. */
export type NewTensor = TensorEntry & Pick<NativeParameter, 'initialScale' | 'initialSeed'>;

/** Describes a new tensor. `seed` is a whole number ≥ 0. */
export const newTensor = (name: string, shape: number[], initialScale: number, seed: number): NewTensor => ({
  name,
  shape,
  initialScale,
  initialSeed: BigInt(seed),
  file: '',
  dtype: 'F32',
  offset: 0,
  bytes: 0,
});

/** Whether a tensor can be a parameter. */
export const isFloat = ({ dtype, shape }: TensorEntry): boolean => isNameOf('fileType', dtype) && !shape.includes(0);

/**
 * Checks that a tensor can be a parameter of the shape that `by` asks for.
 *
 * @throws ERR_ZEST_TENSOR_SHAPE or ERR_ZEST_TENSOR_DTYPE
 */
export const assertFits = (tensor: TensorEntry, shape: readonly number[], by = 'config.json'): void => {
  const place = `${tensor.file}: tensor '${tensor.name}'`;
  if (String(tensor.shape) !== String(shape)) {
    const message = `${place} has shape [${tensor.shape}]; ${by} asks for [${shape}]`;
    throw new ZestError('ERR_ZEST_TENSOR_SHAPE', message);
  }
  if (!isFloat(tensor)) {
    throw new ZestError('ERR_ZEST_TENSOR_DTYPE', `${place} has dtype ${tensor.dtype}; expected F32, F16 or BF16`);
  }
};

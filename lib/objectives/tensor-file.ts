import { open } from 'node:fs/promises';
import { ZestError } from '../errors.ts';
import { replaceFile, writing } from '../files/files.ts';
import { readTensors, safetensorsHeader, type TensorEntry } from '../model/safetensors.ts';
import type { Tensor } from './tensors.ts';

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Writes tensors as a safetensors file, at once: a reader sees the old file or the new.
 *
 * @throws ERR_ZEST_FILE
 */
export const writeTensors = (
  file: string,
  tensors: readonly Pick<Tensor, 'name' | 'shape' | 'values'>[],
): Promise<void> =>
  writing(
    file,
    replaceFile(file, async (temporary) => {
      const handle = await open(temporary, 'w');
      try {
        await handle.writeFile(safetensorsHeader(tensors.map(({ name, shape }) => ({ name, shape, dtype: 'F32' }))));
        for (const { values } of tensors) await handle.writeFile(bytesOf(values));
      } finally {
        await handle.close();
      }
    }),
  );

const valuesOf = async (file: string, { offset, bytes }: TensorEntry): Promise<Float32Array> => {
  const values = new Float32Array(bytes / 4);
  const handle = await open(file);
  try {
    const into = bytesOf(values);
    for (let at = 0; at < bytes; ) {
      const { bytesRead } = await handle.read(into, at, bytes - at, offset + at);
      if (bytesRead === 0) throw new ZestError('ERR_ZEST_SAFETENSORS', `${file}: the file was cut while it was read`);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return values;
};

/**
 * Reads the values of named tensors from a safetensors file; it may have others.
 *
 * @throws ERR_ZEST_FILE, ERR_ZEST_SAFETENSORS, ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE, ERR_ZEST_TENSOR_DTYPE or
 * ERR_ZEST_TENSOR_VALUE naming the tensor
 */
export const readValues = async (
  file: string,
  tensors: readonly Pick<Tensor, 'name' | 'shape'>[],
): Promise<Float32Array[]> => {
  const entries = new Map((await readTensors(file)).map((entry) => [entry.name, entry]));
  const read: Float32Array[] = [];
  for (const { name, shape } of tensors) {
    const entry = entries.get(name);
    if (entry === undefined) throw new ZestError('ERR_ZEST_TENSOR_MISSING', `${file}: there is no tensor '${name}'`);
    const place = `${file}: tensor '${name}'`;
    if (String(entry.shape) !== String(shape))
      throw new ZestError('ERR_ZEST_TENSOR_SHAPE', `${place} has shape [${entry.shape}]; expected [${shape}]`);
    if (entry.dtype !== 'F32')
      throw new ZestError('ERR_ZEST_TENSOR_DTYPE', `${place} has dtype ${entry.dtype}; expected F32`);
    const values = await valuesOf(file, entry);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new ZestError('ERR_ZEST_TENSOR_VALUE', `${place} has ${values[bad]} at ${bad}; expected finite numbers`);
    read.push(values);
  }
  return read;
};

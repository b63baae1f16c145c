import type { FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { ZestError } from '../errors.ts';
import { openFile } from '../files/files.ts';
import { badOnnx } from './model-file.ts';
import { ENTRY, EXTERNAL, TENSOR } from './proto.ts';
import {
  fieldsNumbered,
  integerAt,
  integerField,
  type Message,
  messageField,
  opened,
  textAt,
  textField,
} from './wire.ts';

// Values in a file of their own: https://onnx.ai/onnx/repo-docs/ExternalData.html

/** Where a tensor's values are. */
export interface Place {
  path: string;
  offset: number;
  /** Number of bytes; undefined: to the end of the file. */
  length?: number;
}

/** Whether a tensor's values are in a file of their own. */
export const isExternal = (tensor: Message): boolean => integerAt(tensor, TENSOR.location) === EXTERNAL;

/**
 * Where the values of a tensor are that has them in a file of their own.
 *
 * @throws ERR_ZEST_ONNX for a place outside the model's folder, or one that is none
 */
export const placeOf = (tensor: Message, file: string): Place => {
  const name = textAt(tensor, TENSOR.name);
  const entries = new Map(
    fieldsNumbered(tensor, TENSOR.external)
      .map(opened)
      .map((entry) => [textAt(entry, ENTRY.key), textAt(entry, ENTRY.value)]),
  );
  const location = entries.get('location') ?? '';
  const folder = resolve(dirname(file));
  const path = resolve(folder, location);
  const way = relative(folder, path);
  if (location === '' || isAbsolute(location) || isAbsolute(way) || way.startsWith('..')) {
    throw badOnnx(file, `weight '${name}' is in '${location}'; expected a file in the model's folder`);
  }
  const bytes = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
    throw badOnnx(file, `weight '${name}' has ${key} '${text}'; expected a number of bytes`);
  };
  return { path, offset: bytes('offset') ?? 0, length: bytes('length') };
};

/** The tensor with its values in a file of their own, beside the model's. */
export const withPlace = (tensor: Message, location: string, offset: number, length: number): Message => [
  ...withoutValues(tensor),
  ...Object.entries({ location, offset: String(offset), length: String(length) }).map(([key, value]) =>
    messageField(TENSOR.external, [textField(ENTRY.key, key), textField(ENTRY.value, value)]),
  ),
  integerField(TENSOR.location, EXTERNAL),
];

const VALUES: readonly number[] = [TENSOR.floats, TENSOR.int32s, TENSOR.raw, TENSOR.external, TENSOR.location];

/** The tensor without its values, of those types that are trained or in a file of their own. */
export const withoutValues = (tensor: Message): Message => tensor.filter(({ number }) => !VALUES.includes(number));

/**
 * Reads values from a file of their own.
 *
 * @throws ERR_ZEST_FILE for a file that cannot be read, ERR_ZEST_ONNX for one that is too short
 */
export const readPlace = async ({ path, offset, length }: Place, file: string): Promise<Buffer> => {
  let handle: FileHandle | undefined;
  try {
    handle = await openFile(path);
    const { size } = await handle.stat();
    const expected = length ?? size - offset;
    if (expected < 0 || offset + expected > size) {
      throw badOnnx(file, `a weight ends at byte ${offset + expected} of ${path}, which has ${size}: it was cut`);
    }
    const bytes = Buffer.allocUnsafe(expected);
    for (let read = 0; read < expected; ) {
      const { bytesRead } = await handle.read(bytes, read, Math.min(expected - read, 2 ** 30), offset + read);
      if (bytesRead === 0) throw new Error('it became shorter');
      read += bytesRead;
    }
    return bytes;
  } catch (cause) {
    if (cause instanceof ZestError) throw cause;
    const message = `${path}, which has weights of ${file}, cannot be read: ${(cause as Error).message}`;
    throw new ZestError('ERR_ZEST_FILE', message, { cause });
  } finally {
    await handle?.close();
  }
};

import type { FileHandle } from 'node:fs/promises';
import { ZestError } from '../errors.ts';
import { openFile } from '../files/files.ts';
import { isObject } from '../text/json.ts';
import { show } from '../text/show.ts';
import { lfsFault } from './git-lfs.ts';
import { duplicateKey } from './json-keys.ts';

// The format: 8 bytes of header length (little-endian), a JSON header, then the tensors' bytes without gaps.
// https://github.com/huggingface/safetensors#format

const LENGTH_BYTES = 8;
/** Bytes that show what else a file is. */
const LONGEST_SIGN = 64;
/** The largest header of the reference implementation. */
const MOST_HEADER_BYTES = 100_000_000;

/** Bits an element, of every dtype of the format; packed ones take whole bytes together. */
const ELEMENT_BITS: Readonly<Record<string, number>> = {
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E5M2FNUZ: 8, F8_E4M3FNUZ: 8 },
  ...{ BOOL: 8, U8: 8, I8: 8, U16: 16, I16: 16, F16: 16, BF16: 16 },
  ...{ U32: 32, I32: 32, F32: 32, U64: 64, I64: 64, F64: 64, C64: 64 },
};

/** A tensor in a safetensors file. */
export interface TensorEntry {
  name: string;
  file: string;
  /** Type as the file spells it: F32, F16, BF16, I64, … */
  dtype: string;
  shape: number[];
  /** Where its first byte is in the file, and how many there are. */
  offset: number;
  bytes: number;
  /** Not 0: rows of so many heads are in the order of pairs that turn together, as llama.cpp has them. Default 0. */
  interleavedHeads?: number;
}

/** Most characters of a message: names and shapes are as long as the file likes. */
const MOST_MESSAGE = 1000;

const bad = (file: string, what: string, cause?: unknown): ZestError =>
  new ZestError('ERR_ZEST_SAFETENSORS', `${file}: ${what.slice(0, MOST_MESSAGE)}`, { cause });

const readExactly = async (handle: FileHandle, file: string, position: number, bytes: number): Promise<Buffer> => {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, position);
  if (bytesRead < bytes) throw bad(file, `the file ends at byte ${position + bytesRead}, inside its header`);
  return buffer;
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const parseHeader = (bytes: Buffer, file: string): Record<string, unknown> => {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw bad(file, 'the header is not UTF-8', cause);
  }
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw bad(file, `the header is not JSON: ${(cause as Error).message}`, cause);
  }
  if (!isObject(header) || !text.startsWith('{')) throw bad(file, 'the header is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) throw bad(file, `the header has the key ${show(twice)} twice in one object`);
  return header;
};

const parseEntry = (name: string, value: unknown, file: string, dataStart: number, dataBytes: number): TensorEntry => {
  const tensor = `tensor '${name}'`;
  if (!isObject(value)) throw bad(file, `${tensor} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') throw bad(file, `${tensor} has no dtype`);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw bad(file, `${tensor} has shape ${show(shape)}; expected an array of whole numbers ≥ 0`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw bad(file, `${tensor} has data_offsets ${show(offsets)}; expected two whole numbers ≥ 0`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    throw bad(file, `${tensor} lies at bytes ${begin} to ${end}, outside the ${dataBytes} bytes of data`);
  }
  const bits = Object.hasOwn(ELEMENT_BITS, dtype) ? ELEMENT_BITS[dtype] : undefined;
  if (bits === undefined) throw bad(file, `${tensor} has dtype '${dtype}', which the format does not know`);
  const bytes = end - begin;
  // Beyond 2^53 the product is rounded, but far above the bytes of any file.
  if (shape.reduce((product, size) => product * size, shape.includes(0) ? 0 : bits) !== bytes * 8) {
    throw bad(file, `${tensor} has ${bytes} bytes, which is not what ${dtype} of shape [${shape}] takes`);
  }
  return { name, file, dtype, shape, offset: dataStart + begin, bytes };
};

/** Tensors must cover the data: one after another, without gaps or overlaps. */
const assertCover = (tensors: readonly TensorEntry[], file: string, dataStart: number, dataBytes: number): void => {
  let at = dataStart;
  for (const { name, offset, bytes } of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (offset < at) throw bad(file, `tensor '${name}' overlaps the one before it`);
    if (offset > at) throw bad(file, `the ${offset - at} bytes before tensor '${name}' belong to no tensor`);
    at += bytes;
  }
  const rest = dataStart + dataBytes - at;
  if (rest > 0) throw bad(file, `the last ${rest} bytes belong to no tensor`);
};

/** The bytes of a file's header, and how many the file has. */
const readHeader = async (file: string): Promise<{ header: Buffer; size: number }> => {
  let handle: FileHandle | undefined;
  try {
    handle = await openFile(file);
    const { size } = await handle.stat();
    if (size < LENGTH_BYTES) throw bad(file, `the file has ${size} bytes; a header's length alone takes 8`);
    const beginning = await readExactly(handle, file, 0, Math.min(size, LONGEST_SIGN));
    const pointer = lfsFault(beginning.toString());
    if (pointer !== undefined) throw bad(file, pointer);
    const length = beginning.readBigUInt64LE();
    if (length > MOST_HEADER_BYTES) throw bad(file, `the header claims ${length} bytes; at most 100 MB are allowed`);
    if (LENGTH_BYTES + Number(length) > size) {
      throw bad(file, `the header claims ${length} bytes, but the file has ${size} in all`);
    }
    return { header: await readExactly(handle, file, LENGTH_BYTES, Number(length)), size };
  } catch (cause) {
    if (cause instanceof ZestError) throw cause;
    throw new ZestError('ERR_ZEST_FILE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    await handle?.close();
  }
};

/**
 * The tensors of a safetensors file. Only the header is read, and all that it says is checked against the file's size.
 *
 * @throws ERR_ZEST_FILE if the file cannot be read, ERR_ZEST_SAFETENSORS if it is not what the format asks for
 */
export const readTensors = async (file: string): Promise<TensorEntry[]> => {
  const { header, size } = await readHeader(file);
  const dataStart = LENGTH_BYTES + header.length;
  const dataBytes = size - dataStart;
  const { __metadata__, ...entries } = parseHeader(header, file);
  if (__metadata__ !== undefined && !isObject(__metadata__)) throw bad(file, '__metadata__ is not an object');
  const tensors = Object.entries(entries).map(([name, entry]) => parseEntry(name, entry, file, dataStart, dataBytes));
  assertCover(tensors, file, dataStart, dataBytes);
  return tensors;
};

/**
 * The texts that the header of a safetensors file holds beside its tensors.
 *
 * @throws what {@link readTensors} throws
 */
export const readMetadata = async (file: string): Promise<Record<string, unknown>> => {
  const { header } = await readHeader(file);
  const { __metadata__ } = parseHeader(header, file);
  return isObject(__metadata__) ? __metadata__ : {};
};

/**
 * Length and header of a safetensors file whose tensors follow in the order given, padded so that data begin at a
 * multiple of 8.
 */
export const safetensorsHeader = (
  tensors: readonly { name: string; dtype: 'F32' | 'BF16'; shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array => {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape }) => {
    const begin = end;
    end += shape.reduce((product, size) => product * size, dtype === 'F32' ? 4 : 2);
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const json = Buffer.from(
    JSON.stringify({ __metadata__: { ...metadata, format: 'pt' }, ...Object.fromEntries(entries) }),
  );
  const header = Buffer.alloc(LENGTH_BYTES + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - LENGTH_BYTES));
  json.copy(header, LENGTH_BYTES);
  return header;
};

import { ZestError } from '../../errors.ts';
import { openFile } from '../../files/files.ts';
import type { TensorEntry } from '../safetensors.ts';

// GGUF, the files of llama.cpp: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

/** A value of a file's metadata; arrays as they are, 64-bit integers as numbers where these can hold them. */
export type GgufValue = number | bigint | boolean | string | GgufValue[];

/** A GGUF file: what it says of the model, and where its tensors are. */
export interface Gguf {
  file: string;
  metadata: ReadonlyMap<string, GgufValue>;
  /** Under the names that GGUF gives, shapes as PyTorch has them. */
  tensors: TensorEntry[];
  /** The factors by which Llama 3's scaling divides the frequencies of positions, where there are some. */
  ropeFactors?: number[];
}

/** Of 4096 frequencies: a head of 8192 columns. */
const MOST_FACTOR_BYTES = 4 * 4096;

/** Types of tensors by number; those without a block have no support. */
const TYPES: Readonly<Record<number, { name: string; block?: { elements: number; bytes: number } }>> = {
  0: { name: 'F32', block: { elements: 1, bytes: 4 } },
  1: { name: 'F16', block: { elements: 1, bytes: 2 } },
  2: { name: 'Q4_0', block: { elements: 32, bytes: 18 } },
  3: { name: 'Q4_1', block: { elements: 32, bytes: 20 } },
  6: { name: 'Q5_0' },
  7: { name: 'Q5_1' },
  8: { name: 'Q8_0', block: { elements: 32, bytes: 34 } },
  9: { name: 'Q8_1' },
  10: { name: 'Q2_K' },
  11: { name: 'Q3_K' },
  12: { name: 'Q4_K', block: { elements: 256, bytes: 144 } },
  13: { name: 'Q5_K', block: { elements: 256, bytes: 176 } },
  14: { name: 'Q6_K', block: { elements: 256, bytes: 210 } },
  15: { name: 'Q8_K' },
  30: { name: 'BF16', block: { elements: 1, bytes: 2 } },
};

/** Bytes of a number of elements of a type, whole blocks of them. */
export const blockBytes = (type: string, elements: number): number => {
  const block = Object.values(TYPES).find(({ name }) => name === type)?.block ?? { elements: 1, bytes: 4 };
  return (elements / block.elements) * block.bytes;
};

const FIRST_READ_BYTES = 1 << 22;
/** As of safetensors; a large vocabulary with its merges has some 15 MB. */
const MOST_HEADER_BYTES = 100_000_000;
/** Tensors, keys and values of arrays in all, far above any vocabulary's: each takes more memory than bytes of the file. */
const MOST_VALUES = 1 << 23;
const MOST_DIMENSIONS = 4;
const MOST_NESTED = 4;
const DEFAULT_ALIGNMENT = 32;

/** Bytes that a value takes at least, by its type: numbers, truth values, the length of a text, type and length of an array. */
const LEAST_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];

/** What is read lies beyond the bytes at hand, though perhaps not beyond the file. */
class NeedsMore extends Error {}

/** Takes values from the beginning of a file on. */
class Reader {
  readonly #bytes: Buffer;
  readonly #fileBytes: number;
  readonly bad: (what: string) => ZestError;
  #at = 0;
  #values = 0;

  constructor(bytes: Buffer, fileBytes: number, bad: (what: string) => ZestError) {
    this.#bytes = bytes;
    this.#fileBytes = fileBytes;
    this.bad = bad;
  }

  get at(): number {
    return this.#at;
  }

  take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#fileBytes - at)
      throw this.bad(`it ends at byte ${this.#fileBytes}, inside its header; it is truncated, or its counts are wrong`);
    if (bytes > MOST_HEADER_BYTES - at)
      throw this.bad(`its header goes on beyond byte ${MOST_HEADER_BYTES}, where it has to end at the latest`);
    if (bytes > this.#bytes.length - at) throw new NeedsMore();
    this.#at += bytes;
    return at;
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.take(4));
  }

  /** A 64-bit count of what takes `bytes` each at least, of which there must be so many. */
  #length(what: string, bytes: number): number {
    const value = this.#bytes.readBigUInt64LE(this.take(8));
    if (value > BigInt(Math.floor((this.#fileBytes - this.#at) / bytes))) {
      throw this.bad(`it says that there are ${value} ${what}, more than the file has bytes for`);
    }
    return Number(value);
  }

  /** Such a count of things that are kept. */
  count(what: string, bytes: number): number {
    const value = this.#length(what, bytes);
    this.#values += value;
    if (this.#values <= MOST_VALUES) return value;
    throw this.bad(`it says that there are ${value} ${what}; expected at most ${MOST_VALUES} tensors, keys and values`);
  }

  uint64(what: string): number {
    const value = this.#bytes.readBigUInt64LE(this.take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.bad(`${what} is ${value}`);
    return Number(value);
  }

  string(what: string): string {
    const bytes = this.#length(`bytes of ${what}`, 1);
    const at = this.take(bytes);
    return this.#bytes.toString('utf8', at, at + bytes);
  }

  value(type: number, key: string, depth = 0): GgufValue {
    const bytes = this.#bytes;
    const wide = (value: bigint): GgufValue => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
    switch (type) {
      case 0:
        return bytes.readUInt8(this.take(1));
      case 1:
        return bytes.readInt8(this.take(1));
      case 2:
        return bytes.readUInt16LE(this.take(2));
      case 3:
        return bytes.readInt16LE(this.take(2));
      case 4:
        return this.uint32();
      case 5:
        return bytes.readInt32LE(this.take(4));
      case 6:
        return bytes.readFloatLE(this.take(4));
      case 7:
        return bytes.readUInt8(this.take(1)) !== 0;
      case 8:
        return this.string(`the value of ${key}`);
      case 9: {
        if (depth === MOST_NESTED) throw this.bad(`${key} has arrays within arrays within arrays`);
        const element = this.uint32();
        const count = this.count(`values of ${key}`, LEAST_BYTES[element] ?? 1);
        return Array.from({ length: count }, () => this.value(element, key, depth + 1));
      }
      case 10:
        return wide(bytes.readBigUInt64LE(this.take(8)));
      case 11:
        return wide(bytes.readBigInt64LE(this.take(8)));
      case 12:
        return bytes.readDoubleLE(this.take(8));
      default:
        throw this.bad(`${key} has a value of type ${type}, which is not known`);
    }
  }
}

const parseTensor = (reader: Reader, file: string): Omit<TensorEntry, 'bytes'> & { bytes: number } => {
  const name = reader.string('a name of a tensor');
  const tensor = `tensor '${name}'`;
  const dimensions = reader.uint32();
  if (dimensions < 1 || dimensions > MOST_DIMENSIONS) throw reader.bad(`${tensor} has ${dimensions} dimensions`);
  const shape = Array.from({ length: dimensions }, () => reader.uint64(`a dimension of ${tensor}`)).reverse();
  const number = reader.uint32();
  const offset = reader.uint64(`the offset of ${tensor}`);
  const type = TYPES[number];
  if (!type?.block) {
    const known = Object.values(TYPES).flatMap(({ name: known, block }) => (block ? known : []));
    throw new ZestError(
      'ERR_ZEST_UNSUPPORTED',
      `${file}: ${tensor} has type ${type?.name ?? number}; this version takes ${known.join(', ')}`,
    );
  }
  const { elements, bytes } = type.block;
  if ((shape.at(-1) as number) % elements !== 0) {
    throw reader.bad(`${tensor} has rows of ${shape.at(-1)} elements, which are no whole blocks of ${type.name}`);
  }
  const count = shape.reduce((a, b) => a * b, 1);
  return { name, file, dtype: type.name, shape, offset, bytes: (count / elements) * bytes };
};

const parse = (reader: Reader, file: string, fileBytes: number): Gguf => {
  const magic = reader.uint32();
  if (magic !== 0x46554747) throw reader.bad('it does not begin as a GGUF file does');
  const version = reader.uint32();
  if (version !== 2 && version !== 3)
    throw reader.bad(`it is of version ${version}; this version of node-zest reads 2 and 3`);
  const tensorCount = reader.count('tensors', 24);
  const keyCount = reader.count('keys', 13);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = reader.string('a key');
    if (metadata.has(key)) throw reader.bad(`it has the key ${key} twice`);
    metadata.set(key, reader.value(reader.uint32(), key));
  }
  const tensors = new Map<string, TensorEntry>();
  for (let i = 0; i < tensorCount; i++) {
    const tensor = parseTensor(reader, file);
    if (tensors.has(tensor.name)) throw reader.bad(`it has tensor '${tensor.name}' twice`);
    tensors.set(tensor.name, tensor);
  }
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1) {
    throw reader.bad(`general.alignment is ${String(alignment)}`);
  }
  const data = Math.ceil(reader.at / alignment) * alignment;
  for (const tensor of tensors.values()) {
    tensor.offset += data;
    if (!(tensor.offset + tensor.bytes <= fileBytes)) {
      throw reader.bad(
        `tensor '${tensor.name}' lies at bytes ${tensor.offset} to ${tensor.offset + tensor.bytes}, outside the file of ${fileBytes}; it is truncated, or lies about it`,
      );
    }
  }
  return { file, metadata, tensors: [...tensors.values()] };
};

/** Whether a name is one of a GGUF file, by its end. */
export const isGguf = (name: string): boolean => /\.gguf$/i.test(name);

/**
 * Reads the metadata of a GGUF file, and where its tensors are.
 *
 * @throws ERR_ZEST_FILE where it cannot be read, ERR_ZEST_GGUF where it is broken, ERR_ZEST_UNSUPPORTED for a type of
 * tensor that is not known
 */
export const readGguf = async (file: string): Promise<Gguf> => {
  const bad = (what: string) => new ZestError('ERR_ZEST_GGUF', `${file}: ${what.slice(0, 1000)}`);
  const handle = await openFile(file).catch((cause) => {
    throw new ZestError('ERR_ZEST_FILE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  });
  try {
    const { size } = await handle.stat();
    for (let bytes = Math.min(size, FIRST_READ_BYTES); ; bytes = Math.min(size, 2 * bytes)) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
      try {
        const gguf = parse(new Reader(buffer.subarray(0, bytesRead), size, bad), file, size);
        const factors = gguf.tensors.find(({ name, dtype }) => name === 'rope_freqs.weight' && dtype === 'F32');
        if (!factors) return gguf;
        if (factors.bytes === 0) throw bad('rope_freqs.weight has no values');
        if (factors.bytes > MOST_FACTOR_BYTES) throw bad('rope_freqs.weight has more values than a head has columns');
        const all = await handle.read(Buffer.alloc(factors.bytes), 0, factors.bytes, factors.offset);
        const ropeFactors = Array.from({ length: factors.bytes / 4 }, (_, i) => all.buffer.readFloatLE(4 * i));
        return { ...gguf, ropeFactors };
      } catch (error) {
        if (!(error instanceof NeedsMore)) throw error;
        if (bytesRead < bytes || bytes === size) throw bad('it became shorter while it was read');
      }
    }
  } finally {
    await handle.close();
  }
};

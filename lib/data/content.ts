import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { types } from 'node:util';
import { createGunzip } from 'node:zlib';
import { notThere } from '../files/not-there.ts';
import { show } from '../text/show.ts';
import { inputName, type RowInput } from './input.ts';
import { dataError } from './rows.ts';
import { isZstd, unzstd } from './zstd.ts';

type Pieces = AsyncIterable<Uint8Array>;

/** What is in an input, unpacked. */
export interface Content {
  name: string;
  /** How it begins: its first line or more, or the first bytes of what has no lines. */
  head: Buffer;
  /** All of it, the head too. */
  pieces: Pieces;
  /** How it was compressed, if it was. */
  packing: string | undefined;
  /** Bytes of the input that were taken so far, compressed as they are. */
  taken(): number;
  /** Ends the reading of what is not read to its end. */
  close(): void;
}

/** So many bytes tell what a file is. */
const HEAD_LENGTH = 512;

const hasLineEnd = (bytes: Uint8Array): boolean => bytes.includes(0x0a) || bytes.includes(0x0d);

/** Reads how pieces begin. A line that has come is enough, so that who types lines is answered. */
const peek = async (pieces: Pieces): Promise<{ head: Buffer; pieces: Pieces }> => {
  const iterator = pieces[Symbol.asyncIterator]();
  const begun: Uint8Array[] = [];
  for (let length = 0; length < HEAD_LENGTH && !begun.some(hasLineEnd); ) {
    const { value, done } = await iterator.next();
    if (done) break;
    begun.push(value);
    length += value.length;
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (let piece = begun.shift(); piece !== undefined; piece = begun.shift()) yield piece;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  };
  return { head: Buffer.concat(begun).subarray(0, HEAD_LENGTH), pieces: all() };
};

async function* gunzip(pieces: Pieces): AsyncGenerator<Uint8Array> {
  const unpacked = createGunzip();
  // What fails destroys the stream that is read here, which then throws it.
  pipeline(Readable.from(pieces), unpacked).catch(() => {});
  yield* unpacked;
}

const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b;

const PACKINGS = [
  { name: 'gzip', isPacked: isGzip, unpack: gunzip },
  { name: 'zstd', isPacked: isZstd, unpack: unzstd },
];

/**
 * Opens an input, and unpacks it where it begins as gzip or zstd do, whatever it is called.
 *
 * @throws ERR_ZEST_DATA for what cannot be read or unpacked; as do the pieces
 */
export const openContent = async (
  input: RowInput,
  signal: AbortSignal | undefined,
  name = inputName(input),
): Promise<Content> => {
  let bytes = 0;
  const failed = (fault: string, cause: unknown): unknown => {
    signal?.throwIfAborted();
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_ZEST_DATA') return cause;
    if (code === 'EISDIR') return dataError(name, 'is a folder; expected a file with rows', cause);
    return dataError(name, `${fault}: ${code === 'ENOENT' ? `ENOENT: ${notThere(name)}` : message}`, cause);
  };
  const source = typeof input === 'string' ? createReadStream(input, { signal }) : input;
  const raw = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of source) {
        const found: unknown = typeof piece === 'string' ? Buffer.from(piece) : piece;
        if (!types.isUint8Array(found)) throw dataError(name, `gave ${show(found)}; expected bytes or text`);
        bytes += found.length;
        yield found;
      }
    } catch (cause) {
      throw failed('cannot be read', cause);
    }
  };
  const reading = raw();
  const close = (): void => {
    // Nobody waits for it: what is being unpacked may wait for a piece that comes late. Nor is it heard of if it fails.
    if (source instanceof Readable) source.destroy();
    else reading.return(undefined).catch(() => {});
  };
  const rest = { taken: () => bytes, close };
  const found = await peek(reading);
  const packing = PACKINGS.find(({ isPacked }) => isPacked(found.head));
  if (!packing) return { name, ...found, packing: undefined, ...rest };
  const unpacked = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* packing.unpack(found.pieces);
    } catch (cause) {
      throw failed(`is compressed by ${packing.name}, and cut or damaged`, cause);
    }
  };
  return { name, ...(await peek(unpacked())), packing: packing.name, ...rest };
};

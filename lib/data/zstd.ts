import { Decompress } from 'fzstd';
import xxhash from 'xxhash-wasm';

// Zstandard (RFC 8878), frame by frame: the library that unpacks blocks does not look at a frame's checksum.

type Pieces = AsyncIterable<Uint8Array>;

const MAGIC = 0xfd2fb528;
/** Of a frame to be left out, but for the last four bits. */
const SKIPPABLE = 0x184d2a50;
/** A block's type: one byte, so many times. */
const RUN = 1;

/** Bytes of the frame's header behind its descriptor: window, dictionary, size of the content. */
const headerLength = (descriptor: number): number => {
  const isSingle = (descriptor >> 5) & 1;
  const content = [isSingle, 2, 4, 8][descriptor >> 6]!;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  return 1 - isSingle + dictionary + content;
};

const isSkippable = (magic: number): boolean => (magic & 0xfffffff0) >>> 0 === SKIPPABLE;

/** Whether bytes begin as Zstandard does; pzstd writes a frame first that is left out. */
export const isZstd = (head: Buffer): boolean => {
  const magic = head.length < 4 ? 0 : head.readUInt32LE();
  return magic === MAGIC || isSkippable(magic);
};

/** Gives so many bytes at a time of pieces as they come. */
const reader = (pieces: Pieces) => {
  const iterator = pieces[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  const fill = async (length: number): Promise<boolean> => {
    const parts = [held];
    for (let have = held.length; have < length; ) {
      const { value, done } = await iterator.next();
      if (done) break;
      parts.push(Buffer.from(value));
      have += value.length;
    }
    held = Buffer.concat(parts);
    return held.length >= length;
  };
  return {
    close: async () => void (await iterator.return?.()),
    isAtEnd: async (): Promise<boolean> => !(await fill(1)),
    async take(length: number): Promise<Buffer> {
      if (!(await fill(length))) throw new Error('it ends early');
      const taken = held.subarray(0, length);
      held = held.subarray(length);
      return taken;
    },
  };
};

/**
 * Unpacks Zstandard as it comes.
 *
 * @throws an error for what ends early, is damaged, or has another checksum than its frame says
 */
export async function* unzstd(pieces: Pieces): AsyncGenerator<Uint8Array> {
  const { create64 } = await xxhash();
  const { isAtEnd, take, close } = reader(pieces);
  try {
    while (!(await isAtEnd())) {
      const start = await take(4);
      const magic = start.readUInt32LE();
      if (isSkippable(magic)) {
        for (let left = (await take(4)).readUInt32LE(); left > 0; )
          left -= (await take(Math.min(left, 2 ** 16))).length;
        continue;
      }
      if (magic !== MAGIC) throw new Error('what follows a frame is none');
      const hash = create64();
      let made: Uint8Array[] = [];
      const stream = new Decompress((piece) => made.push(piece));
      const unpacked = (part: Uint8Array, isLast = false): Uint8Array[] => {
        stream.push(part, isLast);
        const taken = made.filter(({ length }) => length > 0);
        made = [];
        for (const piece of taken) hash.update(piece);
        return taken;
      };
      const descriptor = await take(1);
      const bits = descriptor[0]!;
      yield* unpacked(Buffer.concat([start, descriptor, await take(headerLength(bits))]));
      for (let isLast = false; !isLast; ) {
        const header = await take(3);
        const value = header.readUIntLE(0, 3);
        isLast = (value & 1) === 1;
        const length = ((value >> 1) & 3) === RUN ? 1 : value >> 3;
        yield* unpacked(Buffer.concat([header, await take(length)]));
      }
      const hasChecksum = ((bits >> 2) & 1) === 1;
      const checksum = hasChecksum ? await take(4) : Buffer.alloc(0);
      yield* unpacked(checksum, true);
      const expected = Number(hash.digest() & 0xffffffffn);
      if (hasChecksum && checksum.readUInt32LE() !== expected) throw new Error('its checksum is that of other bytes');
    }
  } finally {
    await close().catch(() => {}); // an error of the frames comes before it
  }
}

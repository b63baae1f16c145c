import { type FileHandle, open, readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { ZestError } from '../errors.ts';
import { writeAtomic, writing } from '../files.ts';
import type { Law, Update } from '../objective.ts';
import { assertPath } from '../options/calls.ts';

// docs/trajectory.md is the specification of the file.

const MAGIC = 'ZEST';
const FORMAT = 1;
/** The version of docs/noise.md whose directions updates are made of. */
export const NOISE_VERSION = 1;
const PREFIX_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** Bit 31 of a record's first word: its streams are listed, not consecutive. */
const LISTED = 0x8000_0000;

/** Beginning of a log: the weights that its updates apply to, and how they were made. */
export interface TrajectoryHeader {
  /** Version of docs/noise.md that the directions are of: 1. */
  noiseVersion: number;
  /** Digest of the weight files that the run started from. */
  base: string;
  /** Digest of the trainable parameters before the first update, as `Model.digest` gives it. */
  trainable: string;
  /** Number of trainable parameters, d. */
  dimension: number;
  /** Seed, in decimal, and law of the directions. */
  directions: { seed: string; law: Law };
  /** Configuration of the run with every default filled in. */
  config: unknown;
  /** Version of node-zest. */
  version: string;
}

/** A log as read: replayed onto the base in order, `updates` give the run's weights. */
export interface Trajectory {
  /** Beginning of the log. */
  header: TrajectoryHeader;
  /** Updates in the order of the steps. */
  updates: Update[];
  /** Number of bytes of the header and the whole records; the log can be continued there. */
  validBytes: number;
  /** Number of bytes after them that are no whole record: what a process wrote last when it was killed. */
  tornBytes: number;
}

const encodeHeader = (header: TrajectoryHeader): Buffer => {
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const bytes = Buffer.alloc(PREFIX_BYTES + json.length + CHECKSUM_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(FORMAT, 4);
  bytes.writeUInt32LE(json.length, 8);
  json.copy(bytes, PREFIX_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -CHECKSUM_BYTES)), bytes.length - CHECKSUM_BYTES);
  return bytes;
};

/** A record without its checksum. */
const encodeUpdate = (update: Update): Buffer => {
  const { decay, terms, rule, anchored, vector, curvature } = update;
  if (rule || anchored || vector || curvature) {
    const what = rule
      ? `of the rule ${rule.name}`
      : vector
        ? 'along a gradient'
        : curvature
          ? 'with a curvature'
          : 'with an anchored decay';
    throw new ZestError('ERR_ZEST_UNSUPPORTED', `an update is ${what}; expected a plain one: logs have no other yet`);
  }
  const first = terms[0]?.stream ?? 0n;
  const consecutive = terms.every(({ stream }, i) => stream === first + BigInt(i));
  const streams = consecutive ? [first] : terms.map(({ stream }) => stream);
  const bytes = Buffer.alloc(8 + 8 * streams.length + 4 * terms.length);
  bytes.writeUInt32LE(terms.length + (consecutive ? 0 : LISTED), 0);
  bytes.writeFloatLE(decay, 4);
  let at = 8;
  for (const stream of streams) at = bytes.writeBigUInt64LE(stream, at);
  for (const { coefficient } of terms) at = bytes.writeFloatLE(coefficient, at);
  return bytes;
};

/** An open log. */
export class TrajectoryWriter {
  readonly #file: string;
  readonly #handle: FileHandle;
  #checksum: number;

  private constructor(file: string, handle: FileHandle, checksum: number) {
    this.#file = file;
    this.#handle = handle;
    this.#checksum = checksum;
  }

  /** Starts a log; the header is on disk, whole, when the promise resolves. Replaces a file of that name. */
  static async create(file: string, header: TrajectoryHeader): Promise<TrajectoryWriter> {
    const bytes = encodeHeader(header);
    await writeAtomic(file, bytes);
    const handle = await writing(file, open(file, 'a'));
    return new TrajectoryWriter(file, handle, bytes.readUInt32LE(bytes.length - CHECKSUM_BYTES));
  }

  async append(update: Update): Promise<void> {
    const body = encodeUpdate(update);
    this.#checksum = crc32(body, this.#checksum);
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    checksum.writeUInt32LE(this.#checksum);
    await writing(this.#file, this.#handle.appendFile(Buffer.concat([body, checksum])));
  }

  /** Waits until the log is on the disk itself. */
  flush(): Promise<void> {
    return writing(this.#file, this.#handle.datasync());
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

const decodeHeader = (bytes: Buffer, file: string): { header: TrajectoryHeader; end: number; checksum: number } => {
  const fail = (fault: string, cause?: unknown): never => {
    throw new ZestError('ERR_ZEST_TRAJECTORY', `${file}: ${fault}`, { cause });
  };
  if (bytes.length < PREFIX_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) fail('is not a trajectory of node-zest');
  const format = bytes.readUInt32LE(4);
  if (format !== FORMAT) fail(`has format ${format}, this node-zest reads format ${FORMAT}`);
  const checksumAt = PREFIX_BYTES + bytes.readUInt32LE(8);
  const end = checksumAt + CHECKSUM_BYTES;
  if (end > bytes.length) fail(`is cut off in its header: ${bytes.length} of ${end} bytes`);
  const checksum = crc32(bytes.subarray(0, checksumAt));
  if (checksum !== bytes.readUInt32LE(checksumAt)) fail('has a damaged header: its checksum does not match');
  try {
    return { header: JSON.parse(bytes.toString('utf8', PREFIX_BYTES, checksumAt)), end, checksum };
  } catch (cause) {
    return fail('has a header that is not JSON', cause);
  }
};

/**
 * Reads a log. A torn or damaged end is left out and counted in `tornBytes`.
 *
 * @example
 * import { readTrajectory } from 'node-zest';
 * const { header, updates } = await readTrajectory('runs/film/trajectory.zest');
 * console.log(header.dimension, updates[0].terms);
 *
 * @throws ERR_ZEST_TRAJECTORY if the header is not whole, ERR_ZEST_FILE if the file cannot be read
 */
export const readTrajectory = async (file: string): Promise<Trajectory> => {
  assertPath(file, 'file');
  const bytes = await readFile(file).catch((cause) => {
    throw new ZestError('ERR_ZEST_FILE', `cannot read the trajectory ${file}: ${cause.message}`, { cause });
  });
  const { header, ...start } = decodeHeader(bytes, file);
  let { end, checksum } = start;
  const updates: Update[] = [];
  while (end + 8 <= bytes.length) {
    const word = bytes.readUInt32LE(end);
    const listed = word >= LISTED;
    const count = listed ? word - LISTED : word;
    const streamsAt = end + 8;
    const coefficientsAt = streamsAt + 8 * (listed ? count : 1);
    const checksumAt = coefficientsAt + 4 * count;
    if (checksumAt + CHECKSUM_BYTES > bytes.length) break;
    const next = crc32(bytes.subarray(end, checksumAt), checksum);
    if (next !== bytes.readUInt32LE(checksumAt)) break;
    const stream = (i: number): bigint =>
      listed ? bytes.readBigUInt64LE(streamsAt + 8 * i) : bytes.readBigUInt64LE(streamsAt) + BigInt(i);
    updates.push({
      decay: bytes.readFloatLE(end + 4),
      terms: Array.from({ length: count }, (_, i) => ({
        stream: stream(i),
        coefficient: bytes.readFloatLE(coefficientsAt + 4 * i),
      })),
    });
    checksum = next;
    end = checksumAt + CHECKSUM_BYTES;
  }
  return { header, updates, validBytes: end, tornBytes: bytes.length - end };
};

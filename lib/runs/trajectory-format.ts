import { z } from 'zod';
import { ZestError } from '../errors.ts';
import type { Update } from '../objective.ts';
import { describeIssues, expectation } from '../options/messages.ts';
import { isObject, parseJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import { crc32c } from './crc32c.ts';
import type { LoggedUpdate, Place, TrajectoryHeader } from './logged.ts';

// docs/trajectory.md is the specification of these bytes.

/** First bytes of a log, of any format. */
export const MAGIC = 'ZEST';
const FORMAT = 2;
/** The version of docs/noise.md whose directions updates are made of. */
export const NOISE_VERSION = 1;
const PREFIX_BYTES = 16;
const CHECKSUM_BYTES = 4;

/** What a log may ask of whoever replays it, by bit: who does not know a bit that is set cannot. */
const FEATURES = {
  /** Updates are of another rule than the plain one, such as momentum, or decay towards the weights of the start. */
  rule: 1,
  /** Updates hold gradients, which the log does not. */
  gradient: 2,
} as const;
/** Those that this version replays. */
const KNOWN_FEATURES = FEATURES.rule;

// The upper byte of a record's first word says what the record has; the lower three are the number of terms.
const HAS_STREAM = 0x01;
const HAS_STREAMS = 0x02;
const HAS_DECAY = 0x04;
const HAS_RADII = 0x08;
const HAS_LOSSES = 0x10;
const HAS_REST = 0x20;
const KNOWN_PARTS = 0x3f;
const MOST_TERMS = 2 ** 24 - 1;

/** What is used of a header before its weights are known to be those at hand. */
const headerSchema = z.looseObject({
  noiseVersion: z.number(),
  base: z.string(),
  trainable: z.string(),
  frozen: z.string().optional(),
  tensors: z.array(z.looseObject({ name: z.string(), shape: z.array(z.number()) })),
  directions: z.looseObject({ seed: z.string().regex(/^\d{1,20}$/, { error: 'a whole number in decimal' }) }),
  method: z.string(),
  rule: z.string(),
  inputs: z.record(z.string(), z.unknown()),
  device: z.string(),
  version: z.string(),
  result: z.string().optional(),
});

/** What is asked of a reader of a rule's updates. */
const featuresOf = ({ rule }: TrajectoryHeader): number => (rule === 'plain' ? 0 : FEATURES.rule);

/** The header of a log as bytes, and where the first record stands. */
export const encodeHeader = (header: TrajectoryHeader): { bytes: Buffer; place: Place } => {
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const bytes = Buffer.alloc(PREFIX_BYTES + json.length + CHECKSUM_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(FORMAT, 4);
  bytes.writeUInt32LE(featuresOf(header), 8);
  bytes.writeUInt32LE(json.length, 12);
  json.copy(bytes, PREFIX_BYTES);
  const checksum = crc32c(bytes.subarray(0, -CHECKSUM_BYTES));
  bytes.writeUInt32LE(checksum, bytes.length - CHECKSUM_BYTES);
  return { bytes, place: { at: bytes.length, checksum, stream: 0n } };
};

/** Where a log goes on behind a record that ends at a byte with a checksum. */
const after = (update: Update, before: Place, at: number, checksum: number): Place => {
  const last = update.terms.at(-1);
  return { at, checksum, stream: last ? last.stream + 1n : before.stream };
};

/** What else an update of another rule than the plain one has, as JSON. */
const restOf = ({ decay, terms, radii, losses, ...rest }: LoggedUpdate & { vector?: unknown }): Buffer | undefined => {
  // A gradient is not logged: the header says that it is missing.
  const { vector: _, ...said } = rest;
  return Object.values(said).some((value) => value !== undefined) ? Buffer.from(JSON.stringify(said)) : undefined;
};

/** A record as bytes, and where the next one stands. */
export const encodeRecord = (update: LoggedUpdate, place: Place): { bytes: Buffer; next: Place } => {
  const { decay, terms, radii, losses } = update;
  const rest = restOf(update);
  if (terms.length > MOST_TERMS) {
    throw new ZestError('ERR_ZEST_UPDATE', `an update has ${terms.length} terms; a log takes at most ${MOST_TERMS}`);
  }
  const first = terms[0]?.stream ?? place.stream;
  const consecutive = terms.every(({ stream }, i) => stream === first + BigInt(i));
  const streams = !consecutive ? terms.map(({ stream }) => stream) : first === place.stream ? [] : [first];
  const parts =
    (!consecutive ? HAS_STREAMS : streams.length > 0 ? HAS_STREAM : 0) |
    // −0 is no decay that would move a weight, but has bits of its own.
    (Object.is(decay, 0) ? 0 : HAS_DECAY) |
    (radii ? HAS_RADII : 0) |
    (losses ? HAS_LOSSES : 0) |
    (rest ? HAS_REST : 0);
  const floats = terms.length * (radii ? 2 : 1) + (parts & HAS_DECAY ? 1 : 0);
  const counted = (losses ? 4 + 8 * losses.length : 0) + (rest ? 4 + rest.length : 0);
  const size = 4 + 8 * streams.length + 4 * floats + counted + CHECKSUM_BYTES;
  const bytes = Buffer.alloc(size);
  let at = bytes.writeUInt32LE(parts * 2 ** 24 + terms.length, 0);
  for (const stream of streams) at = bytes.writeBigUInt64LE(stream, at);
  if (parts & HAS_DECAY) at = bytes.writeFloatLE(decay, at);
  for (const { coefficient } of terms) at = bytes.writeFloatLE(coefficient, at);
  for (const radius of radii ?? []) at = bytes.writeFloatLE(radius, at);
  if (losses) {
    at = bytes.writeUInt32LE(losses.length, at);
    for (const loss of losses) at = bytes.writeDoubleLE(loss, at);
  }
  if (rest) {
    at = bytes.writeUInt32LE(rest.length, at);
    at += rest.copy(bytes, at);
  }
  const checksum = crc32c(bytes.subarray(0, at), place.checksum);
  bytes.writeUInt32LE(checksum, at);
  return { bytes, next: after(update, place, place.at + size, checksum) };
};

/**
 * Reads the header of a log, and where its first record stands.
 *
 * @throws ERR_ZEST_TRAJECTORY
 */
export const decodeHeader = (bytes: Buffer, file: string): { header: TrajectoryHeader; place: Place } => {
  const fail = (fault: string, cause?: unknown): never => {
    throw new ZestError('ERR_ZEST_TRAJECTORY', `${file}: ${fault}`, { cause });
  };
  if (bytes.length < 8 || bytes.toString('latin1', 0, 4) !== MAGIC) fail('is not a trajectory of node-zest');
  const format = bytes.readUInt32LE(4);
  if (format !== FORMAT) fail(`has format ${format}, this node-zest reads format ${FORMAT}`);
  const length = bytes.length < PREFIX_BYTES ? 0 : bytes.readUInt32LE(12);
  const checksumAt = PREFIX_BYTES + length;
  const end = checksumAt + CHECKSUM_BYTES;
  if (end > bytes.length) fail(`is cut off in its header: ${bytes.length} of ${end} bytes`);
  const checksum = crc32c(bytes.subarray(0, checksumAt));
  if (checksum !== bytes.readUInt32LE(checksumAt)) fail('has a damaged header: its checksum does not match');
  const unknown = bytes.readUInt32LE(8) & ~KNOWN_FEATURES;
  if (unknown) {
    const [name] = Object.entries(FEATURES).find(([, bit]) => unknown & bit) ?? [
      `bit ${Math.log2((unknown & -unknown) >>> 0)}`,
    ];
    fail(`asks for ${name}, which this node-zest does not replay; use the version that wrote it`);
  }
  const json = parseJson(bytes.toString('utf8', PREFIX_BYTES, checksumAt));
  if (json === undefined) fail('has a header that is not JSON');
  const { error } = headerSchema.safeParse(json, { error: expectation });
  const [fault] = describeIssues(error?.issues ?? [], json, 'it');
  if (fault) fail(`has a header in which ${fault.message}`);
  return { header: json as TrajectoryHeader, place: { at: end, checksum, stream: 0n } };
};

/** A record of a log that is whole. */
interface Decoded {
  update: LoggedUpdate;
  /** Where the next one stands. */
  next: Place;
  /** Whether it has more than a plain update. */
  hasRest: boolean;
  /** What its rest is where that is no JSON object. */
  broken?: string;
}

/**
 * Checks that a record has nothing that the header says nothing of: a reader that goes by the header would leave it out.
 *
 * @throws ERR_ZEST_TRAJECTORY
 */
export const assertOfHeader = (
  file: string,
  index: number,
  header: TrajectoryHeader,
  { hasRest, broken }: Decoded,
): void => {
  const fault =
    broken !== undefined
      ? `says ${show(broken)} of its rule; expected a JSON object`
      : hasRest && featuresOf(header) === 0
        ? 'has a rule, which the header does not ask a reader for'
        : undefined;
  if (fault !== undefined) throw new ZestError('ERR_ZEST_TRAJECTORY', `${file}: record ${index + 1} ${fault}`);
};

/** Reads the record at a place; undefined where there is no whole one. */
export const decodeRecord = (bytes: Buffer, place: Place): Decoded | undefined => {
  let { at } = place;
  const left = () => bytes.length - at;
  if (left() < 4) return undefined;
  const word = bytes.readUInt32LE(at);
  const [parts, count] = [word >>> 24, word & MOST_TERMS];
  if (parts & ~KNOWN_PARTS) return undefined;
  const streams = parts & HAS_STREAMS ? count : parts & HAS_STREAM ? 1 : 0;
  const floats = count * (parts & HAS_RADII ? 2 : 1) + (parts & HAS_DECAY ? 1 : 0);
  let size = 4 + 8 * streams + 4 * floats;
  for (const [part, each] of [
    [HAS_LOSSES, 8],
    [HAS_REST, 1],
  ] as const) {
    if (!(parts & part)) continue;
    if (left() < size + 4) return undefined;
    size += 4 + each * bytes.readUInt32LE(at + size);
  }
  if (left() < size + CHECKSUM_BYTES) return undefined;
  const checksum = crc32c(bytes.subarray(at, at + size), place.checksum);
  if (checksum !== bytes.readUInt32LE(at + size)) return undefined;
  at += 4;
  const next = <T>(length: number, read: (offset: number) => T): T => {
    const value = read(at);
    at += length;
    return value;
  };
  const list = <T>(length: number, read: () => T): T[] => Array.from({ length }, read);
  const float = () => next(4, (offset) => bytes.readFloatLE(offset));
  const stream = () => next(8, (offset) => bytes.readBigUInt64LE(offset));
  const listed = list(streams, stream);
  const first = listed[0] ?? place.stream;
  const decay = parts & HAS_DECAY ? float() : 0;
  const terms = list(count, float).map((coefficient, i) => ({
    stream: parts & HAS_STREAMS ? listed[i]! : first + BigInt(i),
    coefficient,
  }));
  const update: LoggedUpdate = { decay, terms };
  let broken: string | undefined;
  if (parts & HAS_RADII) update.radii = list(count, float);
  if (parts & HAS_LOSSES) {
    const length = next(4, (offset) => bytes.readUInt32LE(offset));
    update.losses = list(length, () => next(8, (offset) => bytes.readDoubleLE(offset)));
  }
  if (parts & HAS_REST) {
    const length = next(4, (offset) => bytes.readUInt32LE(offset));
    const text = bytes.toString('utf8', at, at + length);
    const rest = parseJson(text);
    if (isObject(rest)) Object.assign(update, { ...rest, ...update });
    else broken = text;
  }
  return {
    update,
    next: after(update, place, place.at + size + CHECKSUM_BYTES, checksum),
    hasRest: (parts & HAS_REST) !== 0,
    ...(broken !== undefined && { broken }),
  };
};

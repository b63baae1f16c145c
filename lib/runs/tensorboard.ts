import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { reading } from '../files/files.ts';
import { AppendedFile } from './appended-file.ts';
import { crc32c } from './crc32c.ts';

// TensorBoard's event files: TFRecords (tensorflow/core/lib/io/record_writer.h) of protobuf Events
// (tensorflow/core/util/event.proto, framework/summary.proto). Of both only what scalars need is written.

/** Event files of a folder, by the start of their name. */
export const EVENT_FILE_PREFIX = 'events.out.tfevents.';

/** A checksum as TFRecords hold it: rotated right by 15 bits, plus a constant, so that data may hold checksums. */
const maskedCrc32c = (bytes: Uint8Array): Buffer => {
  const crc = crc32c(bytes);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
};

/** A TFRecord: length in 64 bits, its checksum, the data, theirs. */
const record = (data: Buffer): Buffer => {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc32c(length), data, maskedCrc32c(data)]);
};

// Protobuf wire types.
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
};
const tag = (field: number, wireType: number): Buffer => varint(field * 8 + wireType);
const doubleField = (field: number, value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, FIXED64), bytes]);
};
const floatField = (field: number, value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, FIXED32), bytes]);
};
const bytesField = (field: number, value: Buffer): Buffer =>
  Buffer.concat([tag(field, LENGTH_DELIMITED), varint(value.length), value]);

// Fields of Event, Summary and Summary.Value.
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 };
const SUMMARY = { value: 1 };
const VALUE = { tag: 1, simpleValue: 2 };

/** The first record of an event file. `wallTime` in seconds since 1970. */
export const encodeFileVersion = (wallTime: number): Buffer =>
  record(
    Buffer.concat([
      doubleField(EVENT.wallTime, wallTime),
      bytesField(EVENT.fileVersion, Buffer.from('brain.Event:2', 'latin1')),
    ]),
  );

/** A record of scalars, kept as float32, at a step. */
export const encodeScalars = (wallTime: number, step: number, scalars: Readonly<Record<string, number>>): Buffer => {
  const values = Object.entries(scalars).map(([name, value]) =>
    bytesField(
      SUMMARY.value,
      Buffer.concat([bytesField(VALUE.tag, Buffer.from(name, 'utf8')), floatField(VALUE.simpleValue, value)]),
    ),
  );
  return record(
    Buffer.concat([
      doubleField(EVENT.wallTime, wallTime),
      // proto3 leaves out zeros.
      ...(step ? [tag(EVENT.step, VARINT), varint(step)] : []),
      bytesField(EVENT.summary, Buffer.concat(values)),
    ]),
  );
};

const now = (): number => Date.now() / 1000;

/** Seconds since 1970 that the newest event file of a folder is named after; 0 where there is none. */
const newestTime = async (folder: string): Promise<number> => {
  const names = (await reading(folder, readdir(folder))).filter((name) => name.startsWith(EVENT_FILE_PREFIX));
  const times = names.map((name) => Number.parseInt(name.slice(EVENT_FILE_PREFIX.length), 10));
  return Math.max(0, ...times.filter(Number.isSafeInteger));
};

/**
 * An open event file. Each record is written at once, so that TensorBoard sees it while the run goes on; one that cannot
 * be is kept, and written with the next.
 */
export class EventFileWriter {
  readonly #file: AppendedFile;
  /** Of the last record, in seconds since 1970: those of a file do not go back with the clock. */
  #wallTime: number;

  private constructor(file: AppendedFile, wallTime: number) {
    this.#file = file;
    this.#wallTime = wallTime;
  }

  /**
   * Starts an event file, named after the time; a second after the newest one of the folder where the clock has gone back,
   * for TensorBoard reads them by name.
   *
   * @throws ERR_ZEST_FILE
   */
  static async create(folder: string): Promise<EventFileWriter> {
    const wallTime = Math.max(now(), 1 + (await newestTime(folder)));
    const seconds = String(Math.floor(wallTime)).padStart(10, '0');
    const file = await AppendedFile.create(join(folder, `${EVENT_FILE_PREFIX}${seconds}.zest`));
    // Where it cannot be written now, it is with the first record that can.
    await file.add(encodeFileVersion(wallTime)).catch(() => {});
    return new EventFileWriter(file, wallTime);
  }

  /**
   * Adds scalars by tag.
   *
   * @throws ERR_ZEST_FILE
   */
  add(step: number, scalars: Readonly<Record<string, number>>): Promise<void> {
    this.#wallTime = Math.max(now(), this.#wallTime);
    return this.#file.add(encodeScalars(this.#wallTime, step, scalars));
  }

  /** @throws ERR_ZEST_FILE */
  flush(): Promise<void> {
    return this.#file.flush();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

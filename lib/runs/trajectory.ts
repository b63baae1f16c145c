import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ZestError } from '../errors.ts';
import { ifThere, reading, writeAtomic, writeWhole, writing } from '../files/files.ts';
import { notThere } from '../files/not-there.ts';
import { turns } from '../objectives/turns.ts';
import { assertPath } from '../options/calls.ts';
import { withoutOptions } from '../options/no-options.ts';
import { somethingElse } from '../text/what-is.ts';
import type { LoggedUpdate, Place, TrajectoryHeader } from './logged.ts';
import { assertOfHeader, decodeHeader, decodeRecord, encodeHeader, encodeRecord, MAGIC } from './trajectory-format.ts';

/** A log as read: replayed onto the base in order, `updates` give the run's weights. */
export interface Trajectory {
  /** Beginning of the log. */
  header: TrajectoryHeader;
  /** Updates in the order of the steps. */
  updates: LoggedUpdate[];
  /** Number of bytes of the header and the whole records; the log can be continued there. */
  validBytes: number;
  /** Number of bytes after them that are no whole record: what a process wrote last when it was killed. */
  tornBytes: number;
}

/** An open log, which is written behind a record. */
export class TrajectoryWriter {
  readonly #file: string;
  readonly #handle: FileHandle;
  #place: Place;
  readonly #calls = turns();
  /** Number of records that could not be written. */
  #failed = 0;

  private constructor(file: string, handle: FileHandle, place: Place) {
    this.#file = file;
    this.#handle = handle;
    this.#place = place;
  }

  /** Starts a log; the header is on disk, whole, when the promise resolves. Replaces a file of that name. */
  static async create(file: string, header: TrajectoryHeader): Promise<TrajectoryWriter> {
    const { bytes, place } = encodeHeader(header);
    await writeAtomic(file, bytes);
    return TrajectoryWriter.open(file, place);
  }

  /**
   * Goes on with a log at a place of it. What stands behind is written over: a run that comes by the same way writes the
   * same bytes, and where it does not, what is left behind them does not check any more.
   */
  static async open(file: string, place: Place): Promise<TrajectoryWriter> {
    const handle = await writing(file, open(file, 'r+'));
    return new TrajectoryWriter(file, handle, place);
  }

  /**
   * Adds a record behind those before it, in one write. Of one that fails nothing stays, and those that wait behind it
   * fail with it: without it they would lead elsewhere.
   *
   * @throws ERR_ZEST_FILE; ERR_ZEST_UPDATE for more terms than a record has room for
   */
  async append(update: LoggedUpdate): Promise<void> {
    const failed = this.#failed;
    await this.#calls.inTurn(async () => {
      if (this.#failed !== failed) {
        const message = `${this.#file}: a record before this one was not written; append that one again, and then this one`;
        throw new ZestError('ERR_ZEST_FILE', message);
      }
      try {
        const { bytes, next } = encodeRecord(update, this.#place);
        await writing(this.#file, writeWhole(this.#handle, bytes, this.#place.at));
        this.#place = next;
      } catch (error) {
        this.#failed++;
        throw error;
      }
    });
  }

  /** Takes away what stands behind the last record. */
  cut(): Promise<void> {
    return this.#calls.inTurn(() => this.#cutAt(this.#place));
  }

  /** Takes away what stands behind the last record, but for records that lead on from it. */
  cutTorn(): Promise<void> {
    return this.#calls.inTurn(async () => this.#cutAt((await openTrajectory(this.#file)).places.at(-1) as Place));
  }

  #cutAt({ at }: Place): Promise<void> {
    return writing(this.#file, this.#handle.truncate(at));
  }

  /**
   * Waits until the log is on the disk itself, under its name.
   *
   * @throws ERR_ZEST_FILE also where the file has been removed or replaced meanwhile: what is written to it is lost
   */
  async flush(): Promise<void> {
    await this.#calls.inTurn(() => writing(this.#file, this.#handle.datasync()));
    const [open, named] = await Promise.all([
      reading(this.#file, this.#handle.stat({ bigint: true })),
      ifThere(this.#file, stat(this.#file, { bigint: true })),
    ]);
    if (named?.ino === open.ino && named.dev === open.dev) return;
    throw new ZestError(
      'ERR_ZEST_FILE',
      `${this.#file} has been ${named ? 'replaced' : 'removed'} while the run went on; expected the run's folder to be left alone`,
    );
  }

  /** Closes the log once the records so far are written. */
  close(): Promise<void> {
    return this.#calls.inTurn(() => this.#handle.close());
  }
}

/**
 * Whether a file is a log, of whatever format.
 *
 * @throws ERR_ZEST_FILE where that cannot be found out
 */
export const isTrajectory = async (file: string): Promise<boolean> => {
  if (!(await ifThere(file, stat(file)))?.isFile()) return false;
  const handle = await ifThere(file, open(file));
  if (handle === undefined) return false;
  const { buffer } = await reading(file, handle.read(Buffer.alloc(4), 0, 4, 0)).finally(() => handle.close());
  return buffer.toString('latin1') === MAGIC;
};

/** A log that is read record by record. */
export interface OpenTrajectory {
  header: TrajectoryHeader;
  /** Where each record stands, and at the end where the next one would. */
  places: readonly Place[];
  /** The updates from one on, counted from 0, to another; default: all. */
  updates(from?: number, to?: number): Generator<LoggedUpdate, void>;
  tornBytes: number;
}

/**
 * Opens a log, as {@link readTrajectory} reads it.
 *
 * @throws ERR_ZEST_TRAJECTORY, ERR_ZEST_FILE
 */
export const openTrajectory = async (file: string): Promise<OpenTrajectory> => {
  const bytes = await readFile(file).catch((cause) => {
    const folder = dirname(file);
    const other = somethingElse(folder, 'run');
    const why = cause.code === 'ENOENT' ? notThere(file) : cause.message;
    throw new ZestError('ERR_ZEST_FILE', other ? `${folder} ${other}` : `cannot read the trajectory ${file}: ${why}`, {
      cause,
    });
  });
  const { header, place } = decodeHeader(bytes, file);
  const places = [place];
  for (;;) {
    const record = decodeRecord(bytes, places.at(-1) as Place);
    if (!record) break;
    assertOfHeader(file, places.length - 1, header, record);
    places.push(record.next);
  }
  return {
    header,
    places,
    *updates(from = 0, to = places.length - 1) {
      for (const place of places.slice(from, to)) {
        const record = decodeRecord(bytes, place);
        if (record) yield record.update;
      }
    },
    tornBytes: bytes.length - (places.at(-1) as Place).at,
  };
};

/**
 * Reads a log. A torn or damaged end is left out and counted in `tornBytes`.
 *
 * @example
 * import { readTrajectory } from 'node-zest';
 * const { header, updates } = await readTrajectory('runs/film/trajectory.zest');
 * console.log(header.dimension, updates[0].terms);
 *
 * @throws ERR_ZEST_TRAJECTORY if the header is not whole, or the log asks for what this version does not replay;
 *   ERR_ZEST_FILE if the file cannot be read
 * @function
 */
export const readTrajectory = withoutOptions(async (file: string): Promise<Trajectory> => {
  assertPath(file, 'file');
  const { header, places, updates, tornBytes } = await openTrajectory(file);
  return { header, updates: [...updates()], validBytes: (places.at(-1) as Place).at, tornBytes };
});

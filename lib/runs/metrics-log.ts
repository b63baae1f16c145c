import { type FileHandle, open } from 'node:fs/promises';
import { writeWhole, writing } from '../files.ts';
import type { EvaluationEvent, StepEvent } from './events.ts';
import type { EventFileWriter } from './tensorboard.ts';

/** TensorBoard's tags: training/meanLoss, validation/accuracy and so on. */
const scalars = (event: StepEvent | EvaluationEvent): Record<string, number> => {
  const group = event.kind === 'step' ? 'training' : event.split;
  const { kind, step, ...rest } = event;
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (typeof value === 'number' ? [[`${group}/${name}`, value]] : [])),
  );
};

/** The metrics of a run, as they are written. */
export interface Metrics {
  /** Why the last entry is not in the file yet; undefined if it is. */
  readonly failure?: unknown;
  /** Adds an entry. One that cannot be written is kept, and written with the next. */
  add(entry: object): Promise<void>;
  /**
   * Waits until every entry is on the disk itself.
   *
   * @throws ERR_ZEST_FILE
   */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Metrics that are not written: of steps whose lines are there. */
export const NO_METRICS: Metrics = { add: async () => {}, flush: async () => {}, close: async () => {} };

/** An open metrics.jsonl, and the event file where there is one. */
export class MetricsLog implements Metrics {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #events: EventFileWriter | undefined;
  #length: number;
  #pending: Buffer[] = [];

  private constructor(file: string, handle: FileHandle, length: number, events: EventFileWriter | undefined) {
    this.#file = file;
    this.#handle = handle;
    this.#length = length;
    this.#events = events;
  }

  /** Opens the file behind its first `length` bytes; what comes after them is dropped. */
  static async open(file: string, length: number, events?: EventFileWriter): Promise<MetricsLog> {
    const handle = await writing(file, open(file, length > 0 ? 'r+' : 'w'));
    await writing(file, handle.truncate(length));
    return new MetricsLog(file, handle, length, events);
  }

  failure: unknown;

  async add(entry: object): Promise<void> {
    this.#pending.push(Buffer.from(`${JSON.stringify(entry)}\n`));
    try {
      await this.#write();
      const { kind } = entry as { kind?: unknown };
      const isScored = kind === 'step' || kind === 'evaluation';
      if (isScored) await this.#events?.add((entry as StepEvent).step, scalars(entry as StepEvent | EvaluationEvent));
      this.failure = undefined;
    } catch (error) {
      this.failure = error;
    }
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    await writing(this.#file, writeWhole(this.#handle, bytes, this.#length));
    this.#length += bytes.length;
    this.#pending = [];
  }

  async flush(): Promise<void> {
    if (this.#pending.length > 0) await this.#write();
    await writing(this.#file, this.#handle.datasync());
  }

  async close(): Promise<void> {
    await this.#events?.close();
    await this.#handle.close();
  }
}

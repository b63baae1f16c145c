import { closeAll, closeOnError } from '../closing.ts';
import { AppendedFile } from './appended-file.ts';
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

const isScored = (entry: object): entry is StepEvent | EvaluationEvent =>
  ['step', 'evaluation'].includes((entry as { kind?: string }).kind ?? '');

/** What kept a write from being done. */
const failureOf = (write: Promise<void> | undefined): Promise<unknown> | undefined =>
  write?.then(
    () => undefined,
    (error) => error,
  );

/** An open metrics.jsonl, and the event file where there is one. */
export class MetricsLog implements Metrics {
  readonly #lines: AppendedFile;
  readonly #events: EventFileWriter | undefined;

  private constructor(lines: AppendedFile, events: EventFileWriter | undefined) {
    this.#lines = lines;
    this.#events = events;
  }

  /** Opens the file behind its first `length` bytes; what comes after them is dropped. */
  static async open(file: string, length: number, events?: EventFileWriter): Promise<MetricsLog> {
    try {
      return new MetricsLog(await AppendedFile.open(file, length), events);
    } catch (error) {
      await closeOnError([() => events?.close()]);
      throw error;
    }
  }

  failure: unknown;

  async add(entry: object): Promise<void> {
    const line = await failureOf(this.#lines.add(Buffer.from(`${JSON.stringify(entry)}\n`)));
    const event = isScored(entry) ? await failureOf(this.#events?.add(entry.step, scalars(entry))) : undefined;
    this.failure = line ?? event;
  }

  async flush(): Promise<void> {
    await this.#lines.flush();
    await this.#events?.flush();
  }

  close(): Promise<void> {
    return closeAll([() => this.#events?.close(), () => this.#lines.close()]);
  }
}

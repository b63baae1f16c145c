import { type FileHandle, open } from 'node:fs/promises';
import { writeWhole, writing } from '../files/files.ts';

/** An open file that is added to piece by piece: each is in it whole or not at all. */
export class AppendedFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  #length: number;
  #pending: Uint8Array[] = [];

  private constructor(file: string, handle: FileHandle, length: number) {
    this.#file = file;
    this.#handle = handle;
    this.#length = length;
  }

  /** Makes a file of a name that nothing has. */
  static async create(file: string): Promise<AppendedFile> {
    return new AppendedFile(file, await writing(file, open(file, 'wx')), 0);
  }

  /** Opens a file behind its first `length` bytes; what comes after them is dropped. Makes it where there is none. */
  static async open(file: string, length: number): Promise<AppendedFile> {
    const handle = await writing(file, open(file, length > 0 ? 'r+' : 'w'));
    try {
      await writing(file, handle.truncate(length));
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new AppendedFile(file, handle, length);
  }

  /**
   * Adds a piece. One that cannot be written is kept, and written with the next.
   *
   * @throws ERR_ZEST_FILE
   */
  async add(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    await this.#write();
  }

  async #write(): Promise<void> {
    if (this.#pending.length === 0) return;
    const bytes = Buffer.concat(this.#pending);
    await writing(this.#file, writeWhole(this.#handle, bytes, this.#length));
    this.#length += bytes.length;
    this.#pending = [];
  }

  /**
   * Waits until every piece is on the disk itself.
   *
   * @throws ERR_ZEST_FILE
   */
  async flush(): Promise<void> {
    await this.#write();
    await writing(this.#file, this.#handle.datasync());
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

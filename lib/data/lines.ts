import { createReadStream } from 'node:fs';
import { notThere } from '../not-there.ts';
import { somethingElse } from '../what-is.ts';
import { HEAD_LENGTH, refuseForeign } from './formats.ts';
import { dataError } from './rows.ts';

/** Path of a file, or its content as it comes, such as `process.stdin`. */
export type RowInput = string | AsyncIterable<Uint8Array | string>;

/** A line, numbered from 1, with what ended it: LF, CR LF or CR, or nothing at the end of the file. */
export interface Line {
  line: number;
  content: string;
  end: string;
}

/** What an input is called in messages. */
export const inputName = (input: RowInput): string => (typeof input === 'string' ? input : 'the input');

/** The bytes of an input; one that cannot be read, or is no text, is ERR_ZEST_DATA. */
async function* pieces(input: RowInput, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const name = inputName(input);
  const content = typeof input === 'string' ? createReadStream(input, { signal }) : input;
  let head = Buffer.alloc(0);
  try {
    for await (const piece of content) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
      if (head.length < HEAD_LENGTH) {
        head = Buffer.concat([head, bytes.subarray(0, HEAD_LENGTH - head.length)]);
        refuseForeign(head, name);
      }
      yield bytes;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_ZEST_DATA') throw cause;
    if (code === 'EISDIR')
      throw dataError(name, somethingElse(name, 'data') ?? 'is a folder; expected a file with rows', cause);
    throw dataError(name, `cannot be read: ${code === 'ENOENT' ? `ENOENT: ${notThere(name)}` : message}`, cause);
  }
}

const LF = 0x0a;
const CR = 0x0d;

/** The byte that ends the lines of a text that begins so: CR if the first of them ends in CR alone; undefined: not known yet. */
const lineEnd = (begin: Uint8Array): number | undefined => {
  const at = begin.findIndex((byte) => byte === LF || byte === CR);
  if (at < 0 || begin[at] === LF) return at < 0 ? undefined : LF;
  if (at === begin.length - 1) return undefined;
  return begin[at + 1] === LF ? LF : CR;
};

/**
 * Reads lines as they arrive. They all end as the first does: in LF, before which a CR belongs to the end, or in CR alone,
 * as old Macintosh files have it.
 *
 * @throws ERR_ZEST_DATA for what cannot be read, is another kind of file, or is not UTF-8; that names the line
 */
export async function* lineStream(
  input: RowInput,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ lines: Line[]; bytes: number }> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const name = inputName(input);
  let line = 0;
  let bytes = 0;
  let begun: Uint8Array[] = [];
  let newline: number | undefined;
  const made = (last: Uint8Array, end: string): Line => {
    line++;
    const whole = begun.length === 0 ? last : Buffer.concat([...begun, last]);
    begun = [];
    let content: string;
    try {
      content = decoder.decode(whole);
    } catch (cause) {
      throw dataError(
        `${name}:${line}`,
        'is not UTF-8; convert the file, from Windows with iconv -f WINDOWS-1252 -t UTF-8',
        cause,
      );
    }
    if (line === 1 && content.startsWith('\ufeff')) content = content.slice(1);
    const returns = end === '\n' && content.endsWith('\r');
    return { line, content: returns ? content.slice(0, -1) : content, end: returns ? '\r\n' : end };
  };
  const linesOf = (piece: Uint8Array, newline: number): Line[] => {
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
      lines.push(made(piece.subarray(start, end), String.fromCharCode(newline)));
      start = end + 1;
    }
    if (start < piece.length) begun.push(piece.subarray(start));
    return lines;
  };
  for await (const piece of pieces(input, signal)) {
    bytes += piece.length;
    let rest = piece;
    if (newline === undefined) {
      rest = begun.length === 0 ? piece : Buffer.concat([...begun, piece]);
      begun = [];
      newline = lineEnd(rest);
    }
    if (newline === undefined) begun.push(rest);
    else yield { lines: linesOf(rest, newline), bytes };
  }
  const left = Buffer.concat(begun);
  begun = [];
  if (left.length === 0) return;
  // A line that ends in the only CR of the file.
  const lines = linesOf(left, newline ?? (left.at(-1) === CR ? CR : LF));
  yield { lines: begun.length > 0 ? [...lines, made(new Uint8Array(), '')] : lines, bytes };
}

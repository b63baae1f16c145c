import type { Content } from './content.ts';
import { dataError } from './rows.ts';

/** A line, numbered from 1, with what ended it: LF, CR LF or CR, or nothing at the end of the file. */
export interface Line {
  line: number;
  content: string;
  end: string;
}

const LF = 0x0a;
const CR = 0x0d;

/** Bytes that a line may have: JavaScript's texts have an end, and rows come in lines. */
const LONGEST = 2 ** 28;

/**
 * The byte that ends the lines of a text that goes on so: CR if the first of them ends in CR alone; undefined: not known
 * yet. `last` is the byte before.
 */
const lineEnd = (begin: Uint8Array, last: number | undefined): number | undefined => {
  if (last === CR && begin.length > 0) return begin[0] === LF ? LF : CR;
  const at = begin.findIndex((byte) => byte === LF || byte === CR);
  if (at < 0 || begin[at] === LF) return at < 0 ? undefined : LF;
  if (at === begin.length - 1) return undefined;
  return begin[at + 1] === LF ? LF : CR;
};

/**
 * Reads lines as they arrive. They all end as the first does: in LF, before which a CR belongs to the end, or in CR alone,
 * as old Macintosh files have it.
 *
 * @throws ERR_ZEST_DATA naming the line that is not UTF-8
 */
export async function* lineStream({ name, pieces }: Pick<Content, 'name' | 'pieces'>): AsyncGenerator<Line[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  /** The first line that is UTF-8 and not ASCII. */
  let encoded: number | undefined;
  let begun: Uint8Array[] = [];
  let length = 0;
  const begin = (piece: Uint8Array): void => {
    begun.push(piece);
    length += piece.length;
    if (length <= LONGEST) return;
    throw dataError(`${name}:${line + 1}`, `has more than ${LONGEST} bytes; expected rows in lines`);
  };
  let newline: number | undefined;
  const made = (last: Uint8Array, end: string): Line => {
    line++;
    const whole = begun.length === 0 ? last : Buffer.concat([...begun, last]);
    [begun, length] = [[], 0];
    let content: string;
    try {
      content = decoder.decode(whole);
    } catch (cause) {
      throw dataError(
        `${name}:${line}`,
        encoded === undefined
          ? 'is not UTF-8; convert the file, from Windows with iconv -f WINDOWS-1252 -t UTF-8'
          : `is not UTF-8, as line ${encoded} is: the file mixes encodings; convert its parts before they are joined`,
        cause,
      );
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    if (encoded === undefined && content.length < whole.length && /[^\x00-\x7f\ufeff]/.test(content)) encoded = line;
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
    if (start < piece.length) begin(piece.subarray(start));
    return lines;
  };
  for await (const piece of pieces) {
    if (newline !== undefined) {
      yield linesOf(piece, newline);
      continue;
    }
    newline = lineEnd(piece, begun.at(-1)?.at(-1));
    if (newline === undefined) {
      if (piece.length > 0) begin(piece);
      continue;
    }
    const whole = begun.length === 0 ? piece : Buffer.concat([...begun, piece]);
    [begun, length] = [[], 0];
    yield linesOf(whole, newline);
  }
  const left = Buffer.concat(begun);
  [begun, length] = [[], 0];
  if (left.length === 0) return;
  // A line that ends in the only CR of the file.
  const lines = linesOf(left, newline ?? (left.at(-1) === CR ? CR : LF));
  yield begun.length > 0 ? [...lines, made(new Uint8Array(), '')] : lines;
}

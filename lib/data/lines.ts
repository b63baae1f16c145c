import type { Content } from './content.ts';
import { withoutQuoted } from './quoted.ts';
import { dataError } from './rows.ts';

/** A line, numbered from 1, with what ended it: LF and the CRs before it, or CR, or nothing at the end of the file. */
export interface Line {
  line: number;
  content: string;
  end: string;
}

const LF = 0x0a;
const CR = 0x0d;

/** Bytes that a line may have, and characters of what goes over lines: JavaScript's texts have an end. */
export const LONGEST = 2 ** 28;

/** Bytes from the first CR on that are looked at for an LF. */
const LOOKED = 2 ** 16;

/**
 * The byte that ends the lines of a text that begins so, of which `first` is the first CR or LF: CR where no LF stands
 * outside of quoted cells. Undefined: not known yet.
 */
const lineEnd = (begin: Buffer, first: number): number | undefined => {
  const [before, after] = [Math.max(0, first - LOOKED), first + LOOKED];
  const rest = begin.toString('latin1', first, after);
  const bare = withoutQuoted(begin.toString('latin1', before, after));
  if (/^\r*\n/.test(rest) || bare.includes('\n')) return LF;
  return begin.length - first < LOOKED ? undefined : CR;
};

/**
 * Reads lines as they arrive. They all end alike: in LF, before which CRs belong to the end, of which Python's csv writes
 * two on Windows; or in CR alone, as old Macintosh files have it.
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
  };
  const assertLength = (): void => {
    if (length <= LONGEST) return;
    throw dataError(`${name}:${line + 1}`, `has more than ${LONGEST} bytes; expected rows in lines`);
  };
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
    let to = content.length;
    while (content[to - 1] === '\r') to--;
    return { line, content: content.slice(0, to), end: content.slice(to) + end };
  };
  const linesOf = (piece: Uint8Array, newline: number): Line[] => {
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
      lines.push(made(piece.subarray(start, end), String.fromCharCode(newline)));
      start = end + 1;
    }
    if (start < piece.length) begin(piece.subarray(start));
    assertLength();
    return lines;
  };
  let newline: number | undefined;
  let first: number | undefined;
  for await (const piece of pieces) {
    if (newline !== undefined) {
      yield linesOf(piece, newline);
      continue;
    }
    const hasLF = piece.includes(LF);
    if (first === undefined && (hasLF || piece.includes(CR)))
      first = length + piece.findIndex((byte) => byte === LF || byte === CR);
    begin(piece);
    if (first !== undefined && (hasLF || length - first >= LOOKED)) newline = lineEnd(Buffer.concat(begun), first);
    if (newline === undefined) {
      assertLength();
      continue;
    }
    const whole = Buffer.concat(begun);
    [begun, length] = [[], 0];
    yield linesOf(whole, newline);
  }
  const left = Buffer.concat(begun);
  [begun, length] = [[], 0];
  if (left.length === 0) return;
  const lines = linesOf(left, newline ?? CR);
  yield begun.length > 0 ? [...lines, made(new Uint8Array(), '')] : lines;
}

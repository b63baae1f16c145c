import { type ErrorCode, ZestError } from '../errors.ts';

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

const LINE_FEED = 0x0a;

/**
 * Decodes the content of a text file.
 *
 * @throws an error of this code that names the first line that is not UTF-8
 */
export const decodeUtf8 = (bytes: Uint8Array, file: string, code: ErrorCode): string => {
  try {
    return decode(bytes);
  } catch (cause) {
    let line = 1;
    for (let start = 0; start < bytes.length; line++) {
      const newline = bytes.indexOf(LINE_FEED, start);
      const end = newline < 0 ? bytes.length : newline + 1;
      try {
        decode(bytes.subarray(start, end));
      } catch {
        throw new ZestError(code, `${file}:${line}: is not UTF-8`, { cause });
      }
      start = end;
    }
    throw new ZestError(code, `${file}: cannot be decoded: ${(cause as Error).message}`, { cause });
  }
};

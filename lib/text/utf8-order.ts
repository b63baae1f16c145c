/** Orders texts by their UTF-8 bytes, as the canonical order of tensors and the names of files are. */
export const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

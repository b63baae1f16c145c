import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 64; // of the 64-bit format
const SECTIONS_AT = 0x28;
const SECTION_BYTES = 0x3a;
const SECTION_COUNT = 0x3c;

/**
 * Checks that an ELF file does not end before the table that linkers put last: the system's loader would not notice, and
 * the process would die of it. A file of another format passes.
 */
export const assertWhole = (file: string): void => {
  const descriptor = openSync(file, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const { size } = fstatSync(descriptor);
    if (readSync(descriptor, header) < HEADER_BYTES || header.toString('latin1', 0, 4) !== '\x7fELF') return;
    const table = header.readUInt16LE(SECTION_BYTES) * header.readUInt16LE(SECTION_COUNT);
    const expected = header.readBigUInt64LE(SECTIONS_AT) + BigInt(table);
    if (BigInt(size) < expected) throw new Error(`it is cut short: ${size} of ${expected} bytes`);
  } finally {
    closeSync(descriptor);
  }
};

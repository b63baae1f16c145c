export const ROW_FORMATS = ['jsonl', 'csv', 'tsv', 'txt'] as const;
/** Format of text with rows: JSON lines, or one array of objects; commas; tabs; or a text a line. */
export type RowFormat = (typeof ROW_FORMATS)[number];

/** Path of a file, or its content as it comes, such as `process.stdin`. */
export type RowInput = string | AsyncIterable<Uint8Array | string>;

/** What an input is called in messages. */
export const inputName = (input: RowInput): string => (typeof input === 'string' ? input : 'the input');

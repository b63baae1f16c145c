/** Cells in quotes, which begin where a cell may, and go over line ends; the last may be cut. */
const QUOTED = /(^|[\t\r\n,;|]) *"[^"]*(?:""[^"]*)*(?:"|$)/g;

/** A text of separated cells without those in quotes, in which any separator and any line end may stand. */
export const withoutQuoted = (text: string): string => text.replace(QUOTED, '$1');

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML or SVG shows it, in an element or in a quoted attribute. Control characters become U+FFFD. */
export const escaped = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);

/** JSON that may stand inside a script element. */
export const inlineJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

export interface TableOptions {
  /** What the table holds, for people who do not see it. */
  caption: string;
  columns: readonly string[];
  /** As many cells a row as columns; the first heads the row. HTML where it is `{ html }`, otherwise text. */
  rows: readonly (readonly (string | { html: string })[])[];
  /** Columns of numbers, set flush right: from this one on. Default 1. */
  numbersFrom?: number;
  /** Attributes of a row, such as `data-run="0"`. */
  rowAttributes?: (row: number) => string;
}

/** A table that scrolls by itself where it is wider than the page. */
export const table = ({ caption, columns, rows, numbersFrom = 1, rowAttributes }: TableOptions): string => {
  const align = (column: number) => (column >= numbersFrom ? ' class="number"' : '');
  const content = (cell: string | { html: string }) => (typeof cell === 'string' ? escaped(cell) : cell.html);
  const head = columns.map((name, i) => `<th scope="col"${align(i)}>${escaped(name)}</th>`).join('');
  const body = rows.map((cells, row) => {
    const filled = cells.map((cell, i) =>
      i === 0 ? `<th scope="row">${content(cell)}</th>` : `<td${align(i)}>${content(cell)}</td>`,
    );
    const attributes = rowAttributes?.(row);
    return `<tr${attributes ? ` ${attributes}` : ''}>${filled.join('')}</tr>`;
  });
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(caption)}"><table><caption>${escaped(caption)}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
};

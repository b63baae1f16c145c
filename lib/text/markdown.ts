/** Lays out rows of cells, titles first, as a table of Markdown. */
export const markdownTable = ([titles = [], ...rows]: readonly (readonly string[])[]): string =>
  [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
